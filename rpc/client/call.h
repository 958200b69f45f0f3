/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call: its frame is built on the caller's stack, sent, and its reply read by the waiting thread itself.
 *
 *	struct call c;
 *	fpga_result r;
 *
 *	call_begin(&c, conn, WIRE_ERROR_READ, token_id);
 *	wire_put_u32(&c.body, num);
 *	r = call_run(&c);
 *	if (r == FPGA_OK)
 *		*value = wire_get_u64(&c.reply);
 *	return call_end(&c, r);
 *
 * A failure has its reason set for opaex_error_detail(), with the host's name in front. *value may be written
 * before call_end() says that the reply was too short; write to the program's memory behind it where that
 * matters.
 */
#ifndef RPC_CLIENT_CALL_H
#define RPC_CLIENT_CALL_H

#include "rpc/client/internal.h"
#include "wire/codec.h"
#include "wire/ops.h"

#define CALL_ROOM 1024u
#define CALL_BACK (WIRE_REASON_MAX + 2u)

struct call {
	struct conn *conn;
	struct wire_head head;
	struct wire_writer body;  /* of the request: CALL_ROOM bytes, or more by call_room() */
	struct wire_reader reply; /* when call_run() gave FPGA_OK */
	int64_t timeout_ns;	  /* the connection's, unless the caller sets another before call_run() */
	bool at_once; /* call_start() rather gives FPGA_BUSY than wait until it can be sent */
	const _Atomic int64_t *alive_at; /* its time counts from there, if that is later; may be NULL */
	/* Bytes behind the request's body: of a `b`, whose length wire_put_bytes_len() has put. */
	const void *data;
	size_t data_len;
	/*
	 * Where the bytes of a reply "b" (READ_BLOCK, PULL, OBJECT_READ) go, and how many there may be.
	 * `placed` of them came; `reply` is empty then.
	 */
	void *place;
	size_t place_len, placed;
	/*
	 * A reply of several frames: called for each but the last, on whichever thread reads; makes no calls.
	 * May be NULL: such a reply is then malformed.
	 */
	void (*part)(void *ctx, struct wire_reader *reply);
	void *part_ctx;
	/*
	 * Called with the reply, which it may read, before the call is done: on whichever thread reads,
	 * without locks, and in the order in which frames came; makes no calls. Not called when there is no
	 * reply. False: it makes no sense, and the connection is to be broken. May be NULL.
	 */
	bool (*arrived)(void *ctx, struct call *c);
	void *arrived_ctx;

	/* call.c's and conn.c's. */
	struct call *next; /* of those whose threads wait for the reader's role */
	atomic_uint state; /* enum call_state */
	int wake;	   /* an eventfd to be written to, for who polls; -1: a thread waits on `state` */
	int64_t deadline;
	fpga_result result;
	uint32_t error;	       /* errno of the far side, with a failure */
	unsigned char *more;   /* what `room` is too small for */
	unsigned char *answer; /* a reply that it is too small for */
	/*
	 * The frame, its header first; and the body of the reply, which may come before the send of the frame
	 * has returned.
	 */
	unsigned char room[WIRE_HEAD + CALL_ROOM], back[CALL_BACK];
};

void call_begin(struct call *c, struct conn *conn, enum wire_op op, uint64_t object);
/*
 * Room for a body of up to len bytes, before the first put; without memory the body turns bad, and call_run()
 * says so.
 */
void call_room(struct call *c, size_t len);
fpga_result call_run(struct call *c);
/*
 * Sends it one-way (POST rows), behind what waits of posted writes; if it fails at the far side, the
 * handle's next call says so. call_end() follows.
 */
fpga_result call_post(struct call *c);
/* Frees what the call has; FPGA_EXCEPTION when r is FPGA_OK and the reply was malformed. */
fpga_result call_end(struct call *c, fpga_result r);

/*
 * The two halves of call_run(), for who has several under way (bulk): start may be called again after it for
 * another call before the first is finished. After a start that gave FPGA_OK, finish must follow.
 */
fpga_result call_start(struct call *c);
/* Up to CALLS_AT_ONCE short ones without data, in one send; all or none. */
#define CALLS_AT_ONCE 4u
fpga_result call_start_all(struct call *calls, unsigned int num);
fpga_result call_finish(struct call *c);

#endif
