/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a session, for the files of this folder. */
#ifndef RPC_SERVER_INTERNAL_H
#define RPC_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/link.h"
#include "rpc/server/server.h"
#include "wire/codec.h"
#include "wire/ops.h"

struct session_buffers; /* of a handle: rpc/server/buffers.h */
struct session_events;  /* of a session: rpc/server/events.h */

struct session_token {
	uint64_t id, parent; /* object ids; 0: no parent */
	fpga_token token;    /* the table's */
	struct opae_props props;
	uint32_t rights; /* bits of enum wire_right */
	bool seen;	 /* by the enumeration that goes on */
	struct session_token *next_retired;
};

struct deferred;
struct work;

struct session_handle {
	uint64_t id; /* on the wire */
	fpga_handle handle;
	uint64_t token, parent; /* object ids */
	uint32_t rights;
	bool shared;
	/* Its OPEN or its CLOSE is under way, which is `busy` then: for requests it is not there yet. */
	bool opening, closing;
	bool quiet_first; /* set before the CLOSE: the device is to be quiesced */
	/* The first posted frame that failed: told by the next call, which is not carried out. */
	fpga_result posted;
	char posted_why[WIRE_REASON_MAX];
	/* What holds up later requests, which wait in the queue in their order. */
	struct work *busy; /* a LONG call that is under way */
	uint32_t polls;	   /* under way; hold up a CLOSE alone */
	struct deferred *queue;
	struct session_buffers *buffers; /* made with the handle */
	/* A reconfiguration that is coming in. */
	uint8_t *bitstream;
	uint64_t bitstream_len, bitstream_got;
	uint32_t slot;
	int reconf_flags;
};

struct session_object;

/* A request while it is served. Handlers read `in`, write `out`, and return the result. */
struct request {
	struct wire_head head;
	struct wire_reader in;
	struct wire_writer out;
	/* What head.object names, as the message's row says; looked up, and its rights judged. */
	struct session_token *token;
	struct session_handle *handle;
	struct session_object *object;
	void *placed; /* PUSH: the bytes were received in place */
	size_t placed_len;
	/*
	 * Bytes behind `out` that are sent from where they are; must stay until the handler's session goes
	 * on.
	 */
	const void *data;
	size_t data_len;
	bool replied; /* by the handler itself, which had to do that under a lock of its own */
	int64_t begun; /* its service; 0: nobody looked at the clock */
	int error; /* errno of the reply, where there is one */
	struct rpc_refusal refusal; /* what was wrong is the peer's doing: request_names(), request_lacks() */
	char why[WIRE_REASON_MAX]; /* set by request_fail(); else the table's detail is told */
};

/* More requests under way than were agreed on. */
fpga_result request_too_many(struct rpc_session *s, struct request *q);
/* Names the reason: `return request_fail(q, FPGA_INVALID_PARAM, "...")`. */
fpga_result request_fail(struct request *q, fpga_result r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The request, which fails, named something that the peer does not have; or it has not the right. */
void request_names(struct request *q, const char *what, uint64_t id);
void request_lacks(struct request *q, uint32_t right);
/* A reply in several frames: sends what `out` has as one of them, and empties it. 0 or a negative errno. */
int request_more(struct rpc_session *s, struct request *q);

/*
 * One handler for each message that a client sends, named after its row. Declared for all; the files define.
 */
#define OP(number, name, on, kind, right, req, rep) \
	fpga_result serve_##name(struct rpc_session *s, struct request *q);
#include "wire/ops.def"
#undef OP

/* Objects (sysobjects) of the session: objects.c. */
struct session_object *objects_find(struct rpc_session *s, uint64_t id);
/* What the peer may do with it: the rights of the token or handle that it came from. */
uint32_t objects_rights(const struct session_object *o);
void objects_drop_handle(struct rpc_session *s, struct session_handle *h); /* before it is closed */
void objects_drop_all(struct rpc_session *s);
/* A word of each module's own, kept by the session: a list of objects, ... */
void **session_objects(struct rpc_session *s);

/* Of the session: session.c. */
const struct rpc_served *session_served(const struct rpc_session *s);
const struct rpc_session_options *session_options(const struct rpc_session *s);
struct rpc_link *session_link(struct rpc_session *s);
struct rpc_counts *session_counts(struct rpc_session *s);
/*
 * Sends a one-way frame of a PUSH row. Waits SEND_NS at most, after which the link is broken (a peer that
 * does not read). 0 or a negative errno.
 */
int session_push(struct rpc_session *s, enum wire_op op, uint64_t object, const void *body, size_t body_len,
		 const void *data, size_t data_len);
/* The handle with this wire id, or NULL. Handles go on the dispatch thread alone. */
struct session_handle *session_handle(struct rpc_session *s, uint64_t id);
struct session_token *session_token(struct rpc_session *s, uint64_t object_id);

#endif
