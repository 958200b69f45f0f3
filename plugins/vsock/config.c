/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the vsock plugin connects to: a machine by its CID, of which 2 is the host of a virtual machine. */
#include <string.h>

#include "plugins/vsock/vsock.h"

#define CID_ANY UINT32_MAX

static bool text(const char *text, struct address *ret, const char **why)
{
	if (address_parse(text, ret, why))
		return false;
	*why = "that is for the plugin libtcp-opae.so";
	if (ret->kind != ADDRESS_VSOCK)
		return false;
	*why = "nobody is there: the host of a virtual machine has the CID 2";
	return ret->cid && ret->cid != CID_ANY;
}

static int key(const char *key, struct json_object *value, struct address *ret, const char **why)
{
	bool cid = !strcmp(key, "cid");
	int64_t n;

	if (!cid && strcmp(key, "port"))
		return 0;
	ret->kind = ADDRESS_VSOCK;
	*why = cid ? "1 to 4294967294: of the host 2, of this machine 1" : "1 to 4294967294";
	if (!rpc_config_integer(value, 1, CID_ANY - 1, &n))
		return -1;
	*(cid ? &ret->cid : &ret->port) = (uint32_t)n;
	return 1;
}

static bool complete(const struct address *a)
{
	return a->cid;
}

const struct rpc_config_kind vsock_kind = {
	.plugin = "vsock",
	.example = "\"vsock:2:8447\" or {\"cid\": 2, \"port\": 8447}",
	.port = ADDRESS_PORT,
	.text = text,
	.key = key,
	.complete = complete,
};
