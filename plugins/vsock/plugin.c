/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vsock plugin: between a virtual machine and its host no network is needed. It is the remote client
 * core and a configuration.
 */
#include "plugins/vsock/vsock.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "hosts", "array of string or object", "none",
	  "\"vsock:2:8447\" or {\"cid\": 2, \"port\": 8447, \"segment\": 4096, \"name\": \"host\"}; 2 is a "
	  "virtual machine's host" },
	RPC_CONFIG_PARAMS("stream"),
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "vsock",
	.description = "accelerators of a virtual machine's host, or the other way round, served by opaed "
		       "over vsock",
	.params = params,
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	return rpc_config_plugin(table, &vsock_kind, json);
}
