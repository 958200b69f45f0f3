/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tcp plugin: accelerators of other machines, behind opaed, over TCP; and over a unix socket those of
 * this one. It is the remote client core and a configuration.
 */
#include "plugins/tcp/tcp.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "hosts", "array of string or object", "none",
	  "\"a:8447\" or {\"host\": \"a\", \"port\": 8447, \"segment\": 4096, \"name\": \"a\"}; with "
	  "\"unix\": \"/path\" in place of host and port: a socket of this machine" },
	RPC_CONFIG_PARAMS("stream"),
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "tcp",
	.description = "accelerators of other machines, served by opaed over TCP or a unix socket",
	.params = params,
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	return rpc_config_plugin(table, &tcp_kind, json);
}
