/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's fabric: its peer, and nobody else, reaches the buffers of its session by one-sided reads and
 * writes. The peer is told where to connect to, and a token that lets one connection in, over the connection
 * that has shown who he is; what goes by the fabric is in clear text. A thread drives it, from the first time
 * that the peer asks for it on.
 */
#ifndef DAEMON_WORKER_FABRIC_H
#define DAEMON_WORKER_FABRIC_H

#include "daemon/channel.h"
#include "transport/address.h"

/*
 * Before the sandbox is entered, for a fabric opens sockets, devices and files: at the local address of the
 * peer's socket, or on the loopback where that has none; there alone, unless what goes over it may be read by
 * others (rdma_in_clear). NULL: there is none, and the log says why.
 */
const struct rpc_exposer *worker_fabric_open(const struct channel_start *start, int peer);
/* The same at this address; a negative errno, and why (FABRIC_WHY_MAX bytes) may say more. */
int worker_fabric_open_at(const struct channel_start *start, const struct address *at,
			  const struct rpc_exposer **ret, char *why);
/* Ends its thread and closes it. When no memory is exposed any more. */
void worker_fabric_close(void);

#endif
