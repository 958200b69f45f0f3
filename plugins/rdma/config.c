/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the rdma plugin connects to: hosts by name or number, whose opaed listens on a fabric. */
#include "plugins/rdma/rdma.h"

#include "transport/fabric.h"

static bool text(const char *text, struct address *ret, const char **why)
{
	if (address_parse_near(text, FABRIC_PORT, ret, why))
		return false;
	*why = ret->kind == ADDRESS_VSOCK ? "that is for the plugin libvsock-opae.so" :
					    "that is for the plugin libtcp-opae.so";
	return ret->kind == ADDRESS_TCP;
}

static bool complete(const struct address *a)
{
	return *a->host;
}

const struct rpc_config_kind rdma_kind = {
	.plugin = "rdma",
	.example = "\"a:8448\" or {\"host\": \"a\", \"port\": 8448, \"provider\": \"tcp\"}",
	.port = FABRIC_PORT,
	.fabric = true,
	.text = text,
	.key = rpc_config_host,
	.complete = complete,
};
