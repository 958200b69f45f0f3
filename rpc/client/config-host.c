/* SPDX-License-Identifier: BSD-3-Clause */
/* A host of a network, by name or number and port, as the tcp and rdma plugins have it. */
#include <string.h>

#include "rpc/client/config.h"

bool rpc_config_text(struct json_object *value, char *to, size_t room)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	if (!*text || strlen(text) >= room)
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

static int host_key(struct json_object *value, struct address *ret, const char **why)
{
	*why = "a name or an address, \"a\", \"10.0.0.7\" or \"::1\", without the port";
	if (*ret->path) {
		*why = "left out where there is \"unix\"";
		return -1;
	}
	ret->kind = ADDRESS_TCP;
	if (!rpc_config_text(value, ret->host, sizeof(ret->host)))
		return -1;
	return strpbrk(ret->host, "/[] ") ? -1 : 1;
}

int rpc_config_host(const char *key, struct json_object *value, struct address *ret, const char **why)
{
	int64_t n;

	if (!strcmp(key, "host"))
		return host_key(value, ret, why);
	if (strcmp(key, "port"))
		return 0;
	*why = "1 to 65535";
	if (!rpc_config_integer(value, 1, 65535, &n))
		return -1;
	ret->port = (uint32_t)n;
	return 1;
}
