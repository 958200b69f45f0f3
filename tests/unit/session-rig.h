/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that serves the model (fake-served.h) on a thread of its own, and a peer that speaks to it in raw
 * frames: it can say what no client of ours would.
 */
#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include "rpc/link.h"
#include "rpc/server/server.h"
#include "tests/unit/fake-served.h"
#include "wire/codec.h"
#include "wire/ops.h"
#include "wire/props.h"

#define RIG_PUSHES 1100u
#define RIG_BODY (WIRE_FRAME_MAX - WIRE_HEAD)

struct rig_frame {
	struct wire_head head;
	size_t len;
	unsigned char *body;
	struct wire_reader in; /* of it; a failed reply's has the form of a reason */
	char why[WIRE_REASON_MAX + 1];
};

struct rig {
	struct rpc_session_options options;
	struct rpc_session *session;
	pthread_t thread;
	bool running;
	int result; /* rpc_session_run()'s, once it has ended */
	uint64_t features; /* that rig_hello() wants */
	int fd;	    /* the peer's end, the link's own */
	struct rpc_link link;
	uint32_t next_id;
	struct wire_writer out; /* the body of the next request */
	unsigned char *room;
	struct rig_frame reply;
	/* What came that was no reply, and replies that nobody waited for yet. */
	struct rig_frame pushes[RIG_PUSHES], others[RIG_PUSHES];
	unsigned int num_pushes, num_others;
};

/* Starts the session; the options may be changed before rig_start(). */
void rig_new(struct rig *r);
void rig_start(struct rig *r);
void rig_hello(struct rig *r);
/* Ends the peer, waits until the session has ended, and frees it: rpc_session_run()'s result. */
int rig_end(struct rig *r);
/* Waits until the session has ended by itself. */
int rig_await_end(struct rig *r);

/* Empties the body of the next request, whose values are put into r->out. */
struct wire_writer *rig_body(struct rig *r);
/* Sends it: the id. */
uint32_t rig_send(struct rig *r, uint16_t op, uint64_t object);
void rig_post(struct rig *r, uint16_t op, uint64_t object);
void rig_send_head(struct rig *r, struct wire_head head); /* as it is */
/* Awaits the reply into r->reply: its result. */
fpga_result rig_await(struct rig *r, uint32_t id);
/* All three. */
fpga_result rig_call(struct rig *r, uint16_t op, uint64_t object);
/* Awaits the next push of this kind, which is taken out. */
struct rig_frame rig_await_push(struct rig *r, uint16_t op);
void rig_frame_free(struct rig_frame *f);

/* Shorter words for what most tests do. They fail the test when the call does. */
uint64_t rig_open(struct rig *r, uint64_t object, uint32_t flags);
uint64_t rig_read(struct rig *r, uint64_t handle, uint32_t region, uint64_t offset);
void rig_put_write(struct rig *r, uint32_t region, uint32_t width, uint64_t offset, uint64_t value);
void rig_put_poll(struct rig *r, uint64_t offset, uint64_t mask, uint64_t expected, uint64_t timeout_us);

#endif
