/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rdma plugin: accelerators of other machines, behind opaed, with nothing but a fabric in between. It is
 * the remote client core and a configuration.
 */
#include "plugins/rdma/rdma.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "hosts", "array of string or object", "none",
	  "\"a:8448\" or {\"host\": \"a\", \"port\": 8448, \"provider\": \"tcp\", \"segment\": 4096, "
	  "\"name\": \"a\"}; the provider is libfabric's: \"tcp\", or \"verbs\" for RoCE and InfiniBand" },
	RPC_CONFIG_PARAMS("rdma"),
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "rdma",
	.description = "accelerators of other machines, served by opaed over RDMA (libfabric)",
	.params = params,
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	return rpc_config_plugin(table, &rdma_kind, json);
}
