/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the tcp plugin connects to: hosts by name or number, and unix sockets of this machine. */
#include <string.h>

#include "plugins/tcp/tcp.h"

static bool text(const char *text, struct address *ret, const char **why)
{
	if (address_parse(text, ret, why))
		return false;
	*why = "that is for the plugin libvsock-opae.so";
	return ret->kind != ADDRESS_VSOCK;
}

static int unix_key(struct json_object *value, struct address *ret, const char **why)
{
	*why = "the absolute path of a socket, of at most 107 bytes, and no \"host\" beside it";
	ret->kind = ADDRESS_UNIX;
	if (*ret->host || !rpc_config_text(value, ret->path, sizeof(ret->path)))
		return -1;
	return *ret->path == '/' ? 1 : -1;
}

static int key(const char *key, struct json_object *value, struct address *ret, const char **why)
{
	return strcmp(key, "unix") ? rpc_config_host(key, value, ret, why) : unix_key(value, ret, why);
}

static bool complete(const struct address *a)
{
	return *a->host || *a->path;
}

const struct rpc_config_kind tcp_kind = {
	.plugin = "tcp",
	.example = "\"a:8447\", {\"host\": \"a\", \"port\": 8447} or {\"unix\": \"/run/opae/opaed.sock\"}",
	.port = ADDRESS_PORT,
	.text = text,
	.key = key,
	.complete = complete,
};
