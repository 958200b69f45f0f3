/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tcp plugin: accelerators of other machines, behind opaed, over TCP; and over a unix socket those of
 * this one. It is the remote client core and a configuration.
 */
#include "base/sys.h"
#include "plugins/tcp/tcp.h"
#include "rpc/client/client.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "hosts", "array of string or object", "none",
	  "\"a:8447\" or {\"host\": \"a\", \"port\": 8447, \"segment\": 4096, \"name\": \"a\"}; with "
	  "\"unix\": \"/path\" in place of host and port: a socket of this machine" },
	RPC_CONFIG_PARAMS,
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
	struct rpc_client_config config;
	struct rpc_client *client;
	fpga_result r;

	sys_set(table->host->find("sys", SYS_OPS_VERSION));
	r = rpc_config_read(table->host, &tcp_kind, json, &config);
	if (r != FPGA_OK)
		return (int)r;
	if (rpc_client_new(table->host, &config, &client))
		return (int)FPGA_NO_MEMORY;
	rpc_client_fill(table, client);
	return 0;
}
