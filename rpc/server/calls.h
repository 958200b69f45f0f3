/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plain calls (errors, objects, metrics, management) share and keep of a session. */
#ifndef RPC_SERVER_CALLS_H
#define RPC_SERVER_CALLS_H

#include "rpc/server/session.h"

/* The dispatch thread's, but for `streaming`. */
struct session_calls {
	struct session_object **slots; /* their memory stays until the session ends */
	uint32_t num_slots, room;
	uint32_t live;
	struct session_object *unused;
	/* Bytes of bitstreams that are announced, of all handles: at most WIRE_BITSTREAM_MAX. */
	_Atomic uint64_t streaming;
};

/* Made at the first call that needs it; NULL: no memory. Dispatch thread. */
struct session_calls *session_calls(struct rpc_session *s);

static inline fpga_result request_whole(struct request *q)
{
	return q->in.bad ? request_bad(q) : FPGA_OK;
}

/* Text of a fixed array of `room` bytes, at most FPGA_METRIC_STR_SIZE, that may have no NUL. */
void put_label(struct wire_writer *w, const char *text, size_t room);

/* A bitstream that is coming in is forgotten: before the handle is closed. */
void manage_drop_handle(struct session_calls *c, struct session_handle *h);

#endif
