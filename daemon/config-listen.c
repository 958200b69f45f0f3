/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/config-listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opaed-socket.h"
#include "transport/fabric.h"
#include "transport/tls-config.h"

#define ANY_CID UINT32_MAX /* VMADDR_CID_ANY */
#define EXAMPLE "\"ca\": \"/etc/opae/tls/ca.crt\", \"crl\": \"/etc/opae/tls/ca.crl\", " \
		"\"cert\": \"/etc/opae/tls/HOST.crt\", \"key\": \"/etc/opae/tls/HOST.key\""

void config_read_unix(struct problems *p, const char *where, const char *path, struct config_listen *l)
{
	l->address.kind = ADDRESS_UNIX;
	if (*path != '/')
		problem(p, "%s: \"unix\": \"%.80s\" is no absolute path; give one, as \"%s\"", where, path,
			OPAED_SYSTEM_SOCKET);
	else if (strlen(path) >= sizeof(l->address.path))
		problem(p, "%s: \"unix\": the path has %zu bytes, and a socket's has at most %zu", where,
			strlen(path), sizeof(l->address.path) - 1);
	else
		memcpy(l->address.path, path, strlen(path) + 1);
}

static void read_tcp(struct problems *p, const char *where, const char *text, bool clear, bool public,
		     struct config_listen *l)
{
	const char *why = "", *kind = l->rdma ? "rdma" : "tcp";
	uint32_t usual = l->rdma ? FABRIC_PORT : ADDRESS_PORT;

	if (address_parse_near(text, usual, &l->address, &why) || l->address.kind != ADDRESS_TCP ||
	    !policy_address_ok(l->address.host)) {
		problem(p, "%s: \"%s\": \"%.80s\": %s; give an address and a port, as \"127.0.0.1:%u\"",
			where, kind, text, *why ? why : "it is no IPv4 or IPv6 address", usual);
		return;
	}
	if (l->tls)
		return;
	if (!clear)
		problem(p, "%s: all that goes over %s can be read and changed on its way, and a peer is "
			"believed to be its address; give it \"tls\", or if that is meant, add "
			"\"clear\": true", where, kind);
	else if (!address_is_loopback(&l->address) && !public)
		problem(p, "%s: %s can be reached from other machines, in clear text; if that is meant, add "
			"\"public\": true, else listen on 127.0.0.1", where, text);
}

void config_read_mode(struct problems *p, const char *where, struct json_object *o, struct config_listen *l)
{
	const char *text = NULL;

	l->mode = 0600;
	json_get_text(p, where, o, "mode", &text);
	if (!text)
		return;
	if (l->address.kind != ADDRESS_UNIX)
		problem(p, "%s: \"mode\" is for unix sockets; remove it", where);
	else if (strlen(text) == 3 && strspn(text, "0246") == 3)
		problem(p, "%s: \"mode\": \"%s\" is to be written as \"0%s\"", where, text, text);
	else if (strlen(text) != 4 || text[0] != '0' || strspn(text, "0246") != 4)
		problem(p, "%s: \"mode\": \"%.16s\" is no mode of a socket; give one as \"0600\" (its owner "
			"alone), \"0660\" or \"0666\"", where, text);
	else
		l->mode = (mode_t)strtoul(text, NULL, 8);
}

static void read_principal(struct problems *p, const char *where, struct json_object *o,
			   struct config_listen *l)
{
	const char *text = NULL, *wrong;

	json_get_text(p, where, o, "principal", &text);
	if (!text)
		return;
	wrong = strchr(text, '*') ? "whom all peers of a socket are taken for must be one principal" :
		!strncmp(text, "tls:", 4) ? "that is for who shows a certificate; name another kind" :
				    policy_principal_read(text, l->principal);
	if (wrong)
		problem(p, "%s: \"principal\": \"%.80s\": %s", where, text, wrong);
}

static void read_tls_member(struct problems *p, const char *where, struct tls_config *tls, const char *key,
			    struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	const char *must_be;
	int rc = tls_config_put(tls, key, text, &must_be);

	if (rc == -ENOENT)
		problem(p, "%s: \"tls\": there is no \"%.64s\"; the keys are " TLS_CONFIG_KEYS, where, key);
	else if (rc)
		problem(p, "%s: \"tls\": \"%s\" must be %s", where, key, must_be);
}

static void read_tls(struct problems *p, const char *where, struct json_object *o, bool open,
		     struct config_listen *l)
{
	struct json_object *tls;
	size_t before = p->count;
	const char *missing;

	if (!json_object_object_get_ex(o, "tls", &tls))
		return;
	if (!json_object_is_type(tls, json_type_object)) {
		problem(p, "%s: \"tls\" must be an object, as {" EXAMPLE "}", where);
		return;
	}
	l->tls = tls_config_new();
	if (!l->tls) {
		p->no_memory = true;
		return;
	}
	json_object_object_foreach(tls, key, value)
	{
		read_tls_member(p, where, l->tls, key, value);
	}
	missing = p->count > before ? NULL : tls_config_missing(l->tls);
	if (missing)
		problem(p, "%s: \"tls\" has no \"%s\"; it is as {" EXAMPLE "}", where, missing);
	if (open)
		problem(p, "%s: \"clear\" and \"public\" are for what is not encrypted; with \"tls\" leave "
			"them out", where);
	if (json_object_object_get_ex(o, "principal", NULL))
		problem(p, "%s: with \"tls\" a peer is whom its certificate names; leave \"principal\" out",
			where);
}

/* The one of them that says where; "": none does, or several do. */
static const char *where_to(struct problems *p, const char *where, struct json_object *o)
{
	static const char *const kinds[] = { "unix", "tcp", "vsock", "rdma" };
	const char *found = "";
	int n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (json_object_object_get_ex(o, kinds[i], NULL)) {
			found = kinds[i];
			n++;
		}
	if (n != 1)
		problem(p, "%s: it must have one of \"unix\": PATH, \"tcp\": \"ADDRESS:PORT\", "
			"\"vsock\": PORT and \"rdma\": \"ADDRESS:PORT\"", where);
	return n == 1 ? found : "";
}

static void name_it(struct config_listen *l)
{
	size_t len = l->rdma ? sizeof("rdma:") - 1 : 0;

	memcpy(l->text, "rdma:", len);
	if (l->address.kind == ADDRESS_VSOCK)
		snprintf(l->text, sizeof(l->text), "vsock:%u", l->address.port);
	else
		address_text(&l->address, l->text + len, sizeof(l->text) - len);
}

static void read_listener(struct problems *p, const char *where, struct json_object *o,
			  struct config_listen *l)
{
	static const char *const keys[] = { "unix",   "tcp",  "vsock",	   "rdma", "clear",
					    "public", "mode", "principal", "tls",  NULL };
	const char *kind, *text = NULL;
	bool clear = false, public = false;

	if (!json_check_keys(p, where, o, keys))
		return;
	kind = where_to(p, where, o);
	l->rdma = !strcmp(kind, "rdma");
	json_get_bool(p, where, o, "clear", &clear);
	json_get_bool(p, where, o, "public", &public);
	read_tls(p, where, o, clear || public, l);
	if (!strcmp(kind, "vsock")) {
		l->address.kind = ADDRESS_VSOCK;
		l->address.cid = ANY_CID;
		json_get_u32(p, where, o, "vsock", 1, UINT32_MAX - 1, &l->address.port);
	} else if (*kind) {
		json_get_text(p, where, o, kind, &text);
	}
	if (text && !strcmp(kind, "unix"))
		config_read_unix(p, where, text, l);
	else if (text)
		read_tcp(p, where, text, clear, public, l);
	config_read_mode(p, where, o, l);
	read_principal(p, where, o, l);
	name_it(l);
}

void config_read_listen(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	struct json_object *list =
		json_get_array(p, "the configuration", top, "listen", 1, CONFIG_LISTEN_MAX);
	size_t n = list ? json_object_array_length(list) : 0;
	char where[32];

	if (!json_object_object_get_ex(top, "listen", NULL))
		problem(p, "there is no \"listen\"; say where, as \"listen\": [{\"unix\": \"%s\"}]",
			OPAED_SYSTEM_SOCKET);
	c->listen = calloc(n ? n : 1, sizeof(*c->listen));
	if (!c->listen) {
		p->no_memory = true;
		return;
	}
	c->num_listen = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(where, sizeof(where), "listen[%zu]", i);
		read_listener(p, where, json_object_array_get_idx(list, i), &c->listen[i]);
		for (size_t k = 0; k < i; k++)
			if (*c->listen[i].text && !strcmp(c->listen[i].text, c->listen[k].text))
				problem(p, "%s: it is the same as listen[%zu]; remove one of them", where, k);
	}
}

void config_listen_done(struct daemon_config *c)
{
	for (size_t i = 0; c->listen && i < c->num_listen; i++)
		free(c->listen[i].tls);
	free(c->listen);
	c->listen = NULL;
	c->num_listen = 0;
}
