/* SPDX-License-Identifier: BSD-3-Clause */
/* Only names are judged here: whether a provider is there its worker finds out, and the log says. */
#include "daemon/config-rdma.h"

#include <stdio.h>
#include <string.h>

#define WHERE "rdma"
#define LEAST (16u * 1024)
#define SPARE_MAX 8u
#define EXAMPLE "\"rdma\": {\"provider\": \"tcp\"}"

bool config_rdma_is_any(const char *host)
{
	return !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
}

static void read_address(struct problems *p, struct json_object *o, struct daemon_config *c)
{
	const char *text = NULL;

	json_get_text(p, WHERE, o, "address", &text);
	if (text && policy_address_ok(text) && !config_rdma_is_any(text))
		snprintf(c->rdma_address, sizeof(c->rdma_address), "%s", text);
	else if (text)
		problem(p, WHERE ": \"address\": \"%.80s\" must be the one address that this machine's "
			"fabric has, as \"10.0.0.7\"", text);
}

/* Workers that are ready before their peers come have to know where to listen. */
static void check_listener(struct problems *p, size_t i, const struct daemon_config *c)
{
	const struct config_listen *l = &c->listen[i];

	if (l->rdma && !*c->rdma)
		problem(p, "listen[%zu]: for a listener of rdma the configuration must say which provider it "
			"has: add " EXAMPLE, i);
	else if (l->rdma && config_rdma_is_any(l->address.host))
		problem(p, "listen[%zu]: \"rdma\": %s stands for several addresses; name that of the RDMA "
			"device, as \"10.0.0.7:%u\", and an entry for each", i, l->address.host,
			l->address.port);
	else if (l->tls && l->address.kind == ADDRESS_TCP && *c->rdma && c->rdma_spare &&
		 config_rdma_is_any(l->address.host) && !*c->rdma_address)
		problem(p, "listen[%zu]: %s stands for several addresses, and peers over TLS must be told "
			"where the fabric is: add \"address\": \"10.0.0.7\" to \"rdma\", or "
			"\"spare\": 0 for none", i, l->address.host);
}

void config_read_rdma(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	static const char *const keys[] = { "provider", "least", "data_in_clear", "address", "spare", NULL };
	const char *provider = "tcp";
	size_t before = p->count;
	struct json_object *o;

	if (json_object_object_get_ex(top, WHERE, &o) && json_check_keys(p, WHERE, o, keys)) {
		json_get_text(p, WHERE, o, "provider", &provider);
		c->rdma_least = LEAST;
		c->rdma_spare = 1;
		json_get_u32(p, WHERE, o, "least", 1, UINT32_MAX, &c->rdma_least);
		json_get_u32(p, WHERE, o, "spare", 0, SPARE_MAX, &c->rdma_spare);
		json_get_bool(p, WHERE, o, "data_in_clear", &c->rdma_in_clear);
		read_address(p, o, c);
		if (strcmp(provider, "tcp") && strcmp(provider, "verbs"))
			problem(p, WHERE ": \"provider\": \"%.40s\" is none that opaed uses; give \"tcp\" or "
				"\"verbs\"", provider);
		else
			memcpy(c->rdma, provider, strlen(provider) + 1);
	}
	for (size_t i = 0; p->count == before && i < c->num_listen; i++)
		check_listener(p, i, c);
}

bool config_rdma_at(const struct daemon_config *c, const struct config_listen *l, struct address *ret)
{
	*ret = (struct address){ .kind = ADDRESS_TCP };
	if (l->rdma || !*c->rdma_address)
		memcpy(ret->host, l->address.host, sizeof(ret->host));
	else
		memcpy(ret->host, c->rdma_address, sizeof(c->rdma_address));
	return l->address.kind == ADDRESS_TCP;
}
