/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker that is made ready before its peer comes: its fabric is open, and it is in its sandbox. */
#ifndef DAEMON_WORKER_SPARE_H
#define DAEMON_WORKER_SPARE_H

#include "daemon/channel.h"
#include "transport/transport.h"

/*
 * Before the sandbox: opens the fabric for the content of buffers (*content; NULL: it goes by the
 * connection), and what the peer comes by, where he comes by a fabric. A negative errno, and the log says
 * why.
 */
int worker_spare_open(const struct channel_start *start, const struct rpc_exposer **content);
/*
 * Waits for the monitor to tell of a peer, as *start, and for him: *t is his connection. A negative errno:
 * there is nothing more to do, and the monitor knows why.
 */
int worker_spare_await(struct channel_start *start, struct transport **t);

#endif
