/* SPDX-License-Identifier: BSD-3-Clause */
/* "tls" of a host: how the connection to it is encrypted, and who both ends are. */
#ifndef RPC_CLIENT_CONFIG_TLS_H
#define RPC_CLIENT_CONFIG_TLS_H

#include <json-c/json.h>

#include "rpc/client/client.h"
#include "transport/tls.h"

/* hosts[i]'s "tls"; h->tls is then one block of memory. FPGA_OK, or the reason is set. */
fpga_result rpc_config_tls(struct rpc_host_config *h, size_t i, struct json_object *value);
/* What is left out is told by the rest: "name". FPGA_OK, or the reason is set. */
fpga_result rpc_config_tls_complete(struct rpc_host_config *h, size_t i);

#endif
