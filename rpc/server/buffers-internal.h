/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a handle's buffers, for buffers.c (the list, and the calls) and watch.c (looking for what the
 * device did).
 *
 * tell_lock: one thread looks and tells at a time, so that what was read first is sent first. lock, taken
 * inside it: the list, the twins, and what is being placed; never held while something is sent. The list
 * changes under both, on the dispatch thread alone, which may therefore read it without a lock; the thread of
 * a CLOSE empties it, and the dispatch thread leaves it alone then. Who owns what this device was given is
 * the dispatch thread's, and read by others under lock.
 */
#ifndef RPC_SERVER_BUFFERS_INTERNAL_H
#define RPC_SERVER_BUFFERS_INTERNAL_H

#include "rpc/news.h"
#include "rpc/server/buffers.h"

struct session_buffer {
	uint64_t wsid;	 /* on the wire: generation and place in the list */
	uint64_t far;	 /* the table's */
	uint64_t ioaddr;
	uint64_t counted; /* bytes of the session's limit */
	struct twin t;	 /* twin NULL: the client is told nothing by itself */
};

struct session_buffers {
	struct rpc_session *s;
	struct session_handle *h;
	atomic_uint refs; /* the handle's, and those of children that use its buffers */
	pthread_mutex_t tell_lock;
	atomic_uint askers; /* threads that want tell_lock, before which the watch steps back */
	pthread_mutex_t lock;
	struct session_buffer **list; /* with holes */
	uint32_t num, room;
	uint32_t generation;
	atomic_uint watched; /* how many have twins */
	/* A part whose bytes are coming in: not looked at. */
	const struct session_buffer *placing;
	size_t placing_from, placing_to;
	struct session_buffers *owner; /* of buffers that this handle's device was given as well; counted */
	atomic_uint owned;	       /* how many of them */
	uint64_t *given;	       /* which: their wsids; dispatch thread */
	uint32_t given_room;

	unsigned char *out; /* tell_lock: NEWS_ROOM and NEWS_LATE_ROOM bytes, from the first twin on */

	/* The thread that looks (watch.c). */
	pthread_mutex_t watch_lock; /* guards starting, stopping and sleeping */
	pthread_cond_t watch_cond;
	pthread_t watch;
	bool watch_runs, watch_stop;
	atomic_bool watch_sleeps, started;
};

/* tell_lock, for who is not the watch. */
void buffers_ask(struct session_buffers *b);

void buffers_put(struct session_buffers *b); /* NULL is fine */

void watch_init(struct session_buffers *b);
void watch_wake(struct session_buffers *b); /* starts it unless it runs */
void watch_done(struct session_buffers *b);

#endif
