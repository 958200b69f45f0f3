/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames over a transport, for either end. Any thread may send; one at a time reads, and who reads is
 * the user's business. A link that failed stays so: each later call gives the same errno, but frames that had
 * come whole before are still read.
 */
#ifndef RPC_LINK_H
#define RPC_LINK_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/counts.h"
#include "transport/transport.h"
#include "wire/frame.h"

struct rpc_frame {
	struct wire_head head;
	const unsigned char *body; /* what of it is in the link's buffer; until the next read */
	size_t body_len;
	void *placed; /* where the bytes at its end went instead (see sink), or NULL */
	size_t placed_len;
};

struct rpc_link {
	struct transport *t; /* the link's own */
	pthread_mutex_t send_lock;
	uint32_t peer_max; /* bytes of a frame that the peer takes */
	atomic_int broken; /* 0, or why nothing goes any more: a negative errno */
	atomic_bool heard; /* something has been received */
	/*
	 * Where the bytes of a bulk frame (PUSH, DATA, a reply of PULL) shall go, so that they are
	 * received in place; NULL: nowhere special. `fixed` is the body up to and with the length of the
	 * bytes, which is *len. The place must stay until the frame is whole or the link broken. By the
	 * reading thread; may be NULL.
	 */
	void *(*sink)(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		      size_t len);
	void *sink_ctx;
	/* Called by a send that finds no room while there is something to read; may be NULL. */
	void (*stuck)(void *ctx);
	void *stuck_ctx;
	struct rpc_counts *counts; /* frames and bytes; NULL: nobody counts them */

	/* The reader's. */
	unsigned char *in; /* WIRE_FRAME_MAX bytes, and what came from start to end */
	size_t start, end;
	struct wire_head head; /* judged, when have_head */
	bool have_head;
	size_t fixed; /* bytes of the body before those that are placed */
	unsigned char *place;
	size_t place_len, placed;
	unsigned int long_waits; /* in a row that spinning would not have been enough for */
};

/* Takes the transport over, also on failure. 0, -ENOMEM. */
int rpc_link_init(struct rpc_link *l, struct transport *t);
void rpc_link_done(struct rpc_link *l);
/* Ends it: waiting threads wake. The first reason stays. Any thread. */
void rpc_link_break(struct rpc_link *l, int rc);

/* Largest body part that is sent as one piece with the header. */
#define RPC_SHORT 512u

/* One frame: body, then data; head->size is filled in. 0 or a negative errno. */
int rpc_link_send(struct rpc_link *l, struct wire_head *head, const void *body, size_t body_len,
		  const void *data, size_t data_len, int64_t deadline);
/* Frames that are ready as they are. */
int rpc_link_send_iov(struct rpc_link *l, struct iovec *iov, int iovs, int64_t deadline);

/*
 * Does a frame find room within so many ms? A long one may still have to wait. A broken link has: sending
 * tells of it.
 */
bool rpc_link_has_room(const struct rpc_link *l, int ms);

/* 1: a frame; 0: none is whole yet; a negative errno: -EPIPE the peer has gone, -EPROTO, -EMSGSIZE ... */
int rpc_link_read(struct rpc_link *l, struct rpc_frame *f);
/*
 * The same, of what came along with earlier frames; nothing is received. Who reads no more until the
 * transport has something must have taken these: it will not tell of them.
 */
int rpc_link_read_rest(struct rpc_link *l, struct rpc_frame *f);
/*
 * Waits for a frame: spins for spin_ns, then sleeps; or sleeps at once, when the last waits were all longer
 * than that. 0; -ETIMEDOUT (the link is not broken by it); as above.
 */
int rpc_link_next(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline);
/* The same; and -EINTR when wake_fd has something to read and there is no frame; not seen while it spins. */
int rpc_link_next_or_wake(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline,
			  int wake_fd);
/* The same, for who knows that it is `now`. */
int rpc_link_next_from(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline,
		       int wake_fd, int64_t now);

#endif
