/* SPDX-License-Identifier: BSD-3-Clause */
#include "far-hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "transport/fabric.h"
#include "transport/tls-config.h"

static const char *text_member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) :
		       NULL;
}

static int64_t number_member(struct json_object *o, const char *key, int64_t otherwise)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_int) ?
		       json_object_get_int64(v) :
		       otherwise;
}

/* Where an entry of "hosts" is. False: the plugin has refused it, and said so. */
static bool read_address(struct json_object *o, uint32_t port, struct address *a)
{
	const char *why, *host = text_member(o, "host"), *path = text_member(o, "unix");
	int64_t cid = number_member(o, "cid", 0);

	*a = (struct address){ .port = (uint32_t)number_member(o, "port", port) };
	if (json_object_is_type(o, json_type_string))
		return !address_parse_near(json_object_get_string(o), port, a, &why);
	if (host)
		snprintf(a->host, sizeof(a->host), "%s", host);
	if (path)
		snprintf(a->path, sizeof(a->path), "%s", path);
	a->cid = (uint32_t)cid;
	a->kind = cid ? ADDRESS_VSOCK : path ? ADDRESS_UNIX : ADDRESS_TCP;
	return cid || path || host;
}

/* What a host has without an entry of its own in a configuration. */
static void read_plugin(struct json_object *top, struct far_host *h)
{
	const char *tracker = text_member(top, "tracker"), *buffers = text_member(top, "buffers");

	snprintf(h->tracker, sizeof(h->tracker), "%s", tracker ? tracker : "auto");
	h->automatic = !buffers || strcmp(buffers, "explicit") != 0;
}

/* The plugin has refused what could not be. */
static void read_tls(struct json_object *o, struct far_host *h)
{
	struct json_object *tls;
	const char *must_be;

	if (json_object_is_type(o, json_type_string) || !json_object_object_get_ex(o, "tls", &tls))
		return;
	h->tls = tls_config_new();
	if (!h->tls || !json_object_is_type(tls, json_type_object))
		return;
	tls_config_put(h->tls, "name", h->address.host, &must_be);
	json_object_object_foreach(tls, key, value)
	{
		if (json_object_is_type(value, json_type_string))
			tls_config_put(h->tls, key, json_object_get_string(value), &must_be);
	}
}

static void read_provider(struct json_object *o, struct far_host *h)
{
	const char *name = json_object_is_type(o, json_type_object) ? text_member(o, "provider") : NULL;

	snprintf(h->provider, sizeof(h->provider), "%s", name ? name : "tcp");
}

static bool read_entry(struct json_object *top, struct json_object *o, bool fabric, struct far_host *h)
{
	uint32_t port = fabric ? FABRIC_PORT : ADDRESS_PORT;
	const char *name = text_member(o, "name");

	*h = (struct far_host){ .segment = (uint16_t)number_member(o, "segment", 0) };
	read_plugin(top, h);
	if (!read_address(o, port, &h->address))
		return false;
	if (fabric)
		read_provider(o, h);
	read_tls(o, h);
	address_text(&h->address, h->text, sizeof(h->text));
	if (name)
		snprintf(h->name, sizeof(h->name), "%s", name);
	else
		address_name(&h->address, port, h->name, sizeof(h->name));
	return true;
}

bool far_next(struct far_at *at, struct far_host *h)
{
	struct opaex_plugin p;
	const char *json;

	for (uint32_t i = at->plugin; remote_plugin_next(&i, &p, &json); at->plugin = i, at->entry = 0) {
		struct json_object *top = NULL, *list = NULL;
		bool found = false;
		size_t n;

		if (!strcmp(p.state, "ready"))
			top = json_tokener_parse(json);
		json_object_object_get_ex(top, "hosts", &list);
		n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
		while (!found && at->entry < n)
			found = read_entry(top, json_object_array_get_idx(list, at->entry++),
					   strstr(p.file, "librdma-opae.so"), h);
		json_object_put(top);
		if (found)
			return true;
	}
	return false;
}

bool far_is_called(const struct far_host *h, const char *text)
{
	return !strcmp(text, h->text) || !strcmp(text, h->name) ||
	       (h->address.kind == ADDRESS_UNIX && !strcmp(text, h->address.path));
}

bool far_find(const char *text, struct far_host *h)
{
	struct far_at at = { 0 };

	while (far_next(&at, h)) {
		if (far_is_called(h, text))
			return true;
		far_host_done(h);
	}
	return false;
}

struct dial_to far_dial_to(const struct far_host *h)
{
	return (struct dial_to){ &h->address, h->tls, h->provider };
}

void far_host_init(struct far_host *h)
{
	*h = (struct far_host){ 0 };
	read_plugin(NULL, h);
}

void far_host_done(struct far_host *h)
{
	free(h->tls);
	h->tls = NULL;
}
