/* SPDX-License-Identifier: BSD-3-Clause */
/* Which tracker a client's buffers have: one for all of them, started when it is needed first. */
#ifndef RPC_CLIENT_TRACKER_H
#define RPC_CLIENT_TRACKER_H

#include "rpc/client/internal.h"
#include "track/track.h"

/*
 * The tracker for a new buffer of this handle that the program does not bring itself; *ret NULL: eager. It is
 * the client's. FPGA_OK; FPGA_NOT_SUPPORTED, "trap" is demanded and cannot be had: the reason is set.
 */
fpga_result client_tracker(const struct remote_handle *h, struct tracker **ret);

#endif
