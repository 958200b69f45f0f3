/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the tcp plugin connects to: hosts by name or number, and unix sockets of this machine. */
#include <string.h>

#include "plugins/tcp/tcp.h"

static bool put_text(struct json_object *value, char *to, size_t room)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	if (!*text || strlen(text) >= room)
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

static bool text(const char *text, struct address *ret, const char **why)
{
	if (address_parse(text, ret, why))
		return false;
	*why = "that is for the plugin libvsock-opae.so";
	return ret->kind != ADDRESS_VSOCK;
}

static int host_key(struct json_object *value, struct address *ret, const char **why)
{
	*why = "a name or an address, \"a\", \"10.0.0.7\" or \"::1\", without the port";
	if (*ret->path) {
		*why = "left out where there is \"unix\"";
		return -1;
	}
	ret->kind = ADDRESS_TCP;
	if (!put_text(value, ret->host, sizeof(ret->host)))
		return -1;
	return strpbrk(ret->host, "/[] ") ? -1 : 1;
}

static int unix_key(struct json_object *value, struct address *ret, const char **why)
{
	*why = "the absolute path of a socket, of at most 107 bytes, and no \"host\" beside it";
	ret->kind = ADDRESS_UNIX;
	return !*ret->host && put_text(value, ret->path, sizeof(ret->path)) && *ret->path == '/' ? 1 : -1;
}

static int key(const char *key, struct json_object *value, struct address *ret, const char **why)
{
	int64_t n;

	if (!strcmp(key, "host"))
		return host_key(value, ret, why);
	if (!strcmp(key, "unix"))
		return unix_key(value, ret, why);
	if (strcmp(key, "port"))
		return 0;
	*why = "1 to 65535";
	if (!rpc_config_integer(value, 1, 65535, &n))
		return -1;
	ret->port = (uint32_t)n;
	return 1;
}

static bool complete(const struct address *a)
{
	return *a->host || *a->path;
}

const struct rpc_config_kind tcp_kind = {
	.plugin = "tcp",
	.example = "\"a:8447\", {\"host\": \"a\", \"port\": 8447} or {\"unix\": \"/run/opae/opaed.sock\"}",
	.text = text,
	.key = key,
	.complete = complete,
};
