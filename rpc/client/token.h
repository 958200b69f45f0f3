/* SPDX-License-Identifier: BSD-3-Clause */
/* Properties that are asked for, of a token or a handle. */
#ifndef RPC_CLIENT_TOKEN_H
#define RPC_CLIENT_TOKEN_H

#include "rpc/client/host.h"

/*
 * Runs and ends a call of PROPERTIES or HANDLE_PROPERTIES; id: the object that it is about. The answer goes
 * into *prop, which is made when it is NULL.
 */
fpga_result props_ask(struct call *c, struct remote_host *h, uint64_t id, fpga_properties *prop);

#endif
