/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The "configuration" of a plugin that is made of the remote client core. What a host is called differs; all
 * other keys are the same. What is wrong is refused by a line that names it and what mends it.
 */
#ifndef RPC_CLIENT_CONFIG_H
#define RPC_CLIENT_CONFIG_H

#include <json-c/json.h>

#include "rpc/client/client.h"

/* The plugin's part: where it connects to. */
struct rpc_config_kind {
	const char *plugin;
	const char *example; /* of an entry of "hosts" */
	/* An entry that is a string; *why is what is wrong with it. */
	bool (*text)(const char *text, struct address *ret, const char **why);
	/*
	 * One key of an entry that is an object: 1 taken, 0 not known, -1 wrong, and *why is what it must
	 * be.
	 */
	int (*key)(const char *key, struct json_object *value, struct address *ret, const char **why);
	bool (*complete)(const struct address *a); /* of an object: has it what it needs */
};

/* FPGA_OK, and the caller owns ret->hosts; else the reason is set and there is nothing to free. */
fpga_result rpc_config_read(const struct opae_host *host, const struct rpc_config_kind *kind,
			    const char *json, struct rpc_client_config *ret);
/* The whole of such a plugin's opae_plugin_configure(): its configuration is read, and the table filled. */
int rpc_config_plugin(opae_api_adapter_table *table, const struct rpc_config_kind *kind, const char *json);
bool rpc_config_integer(struct json_object *value, int64_t min, int64_t max, int64_t *ret);

/* For a plugin's "params": the keys that all have, between its "hosts" and the end. */
#define RPC_CONFIG_PARAMS \
	{ "spin_us", "integer", "50", "how long a wait spins before it sleeps" }, \
	{ "timeout_ms", "integer", "5000", "how long a call may take" }, \
	{ "connect_ms", "integer", "1000", "how long a host may take to answer an enumeration" }, \
	{ "mmio_write", "string", "posted", \
	  "\"posted\": gathered, and a failure is told by the next call; \"sync\": each waits" }, \
	{ "buffers", "string", "auto", \
	  "\"auto\": content travels by itself; \"explicit\": by opaex_push() and opaex_pull() alone" }, \
	{ "tracker", "string", "auto", \
	  "\"trap\": page faults tell what of a buffer is used; \"eager\": all is compared; " \
	  "\"auto\": the first where it can be had" }, \
	{ "data", "string", "stream", \
	  "\"rdma\": the content of buffers goes past the connection, by libfabric" }, \
	{ "rdma_least", "integer", "32768", "bytes that are worth it; less goes by the connection" }, \
	{ "data_in_clear", "boolean", "false", "\"rdma\" also to other machines: it is not encrypted" }

#endif
