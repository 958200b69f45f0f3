/* SPDX-License-Identifier: BSD-3-Clause */
/* Whoever can connect there may read them: so it is for this machine alone. */
#include "daemon/config-metrics.h"

#include <string.h>

#include "daemon/config-listen.h"

#define WHERE "metrics"

static void read_tcp(struct problems *p, const char *text, struct config_listen *l)
{
	const char *why = "";

	if (address_parse(text, &l->address, &why) || l->address.kind != ADDRESS_TCP ||
	    !policy_address_ok(l->address.host))
		problem(p, WHERE ": \"tcp\": \"%.80s\": %s; give an address and a port, as "
			"\"127.0.0.1:9447\"", text, *why ? why : "it is no IPv4 or IPv6 address");
	else if (!address_is_loopback(&l->address))
		problem(p, WHERE ": %.80s can be reached from other machines, and whoever connects is told; "
			"listen on 127.0.0.1, and have a proxy with TLS pass it on", text);
}

void config_read_metrics(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	static const char *const keys[] = { "unix", "tcp", "mode", NULL };
	const char *path = NULL, *tcp = NULL;
	struct config_listen *l = &c->metrics;
	struct json_object *o;
	size_t before = p->count;

	if (!json_object_object_get_ex(top, WHERE, &o) || !json_check_keys(p, WHERE, o, keys))
		return;
	json_get_text(p, WHERE, o, "unix", &path);
	json_get_text(p, WHERE, o, "tcp", &tcp);
	if (p->count == before && !path == !tcp)
		problem(p, WHERE ": it must have one of \"unix\": PATH and \"tcp\": \"ADDRESS:PORT\"");
	else if (path)
		config_read_unix(p, WHERE, path, l);
	else if (tcp)
		read_tcp(p, tcp, l);
	if (path || tcp)
		config_read_mode(p, WHERE, o, l);
	if (p->count > before)
		return;
	c->has_metrics = true;
	address_text(&l->address, l->text, sizeof(l->text));
	if (tcp && !l->address.port) /* any, and so another one */
		return;
	for (size_t i = 0; i < c->num_listen; i++)
		if (!strcmp(l->text, c->listen[i].text))
			problem(p, WHERE ": it is the same as listen[%zu]; give another", i);
}
