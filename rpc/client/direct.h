/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Content that goes past the connection, by a fabric beside it, where both ends want that. What travels by
 * itself goes by the same rules as without (docs/coherence.md): what a HOLD brings is read from the server's
 * twin when FETCH says so, and what the program changed is written to a landing at the server before LANDED
 * says so. Explicit buffers are read and written themselves. Small pieces go by the connection all the same.
 * docs/adr/0002-rdma-data.md says why it is so.
 *
 * A fabric that cannot be had is told in the log, once, and everything goes by the connection. One that
 * breaks later breaks the connection as well, for nobody knows what of it has arrived.
 */
#ifndef RPC_CLIENT_DIRECT_H
#define RPC_CLIENT_DIRECT_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/fabric.h"

struct client_buffer;
struct conn;
struct remote_handle;

#define DIRECT_MOST ((size_t)256 * 1024) /* bytes that land at a time */

/* Of what it exposed the server keeps the places until the fabric's connection ends: so it is made anew. */
#define DIRECT_RENEW 256u

/* Of a connection. */
struct direct {
	pthread_mutex_t lock; /* guards `tried` and the making of the others */
	bool tried;
	struct fabric *fabric;
	pthread_rwlock_t moving; /* whoever moves something holds it; for writing, `conn` changes */
	pthread_mutex_t conn_lock; /* guards `conn` against who ends it */
	struct fabric_conn *conn;  /* NULL: there is none */
	atomic_uint exposed;	   /* buffers and landings, since it was made */
};

/* Of a buffer: what was registered once for all that is moved. */
struct direct_buffer {
	struct fabric_memory *own;
	struct fabric_remote far; /* its twin there, or if it is explicit the buffer itself */
};

/* Of a handle with tracked buffers. */
struct direct_landing {
	struct fabric_remote far; /* len 0: there is none */
	struct fabric_memory *own;
	unsigned char *words; /* a page: what is read and written of the landing's head */
	/* release_lock. */
	uint64_t position, taken;
	bool loose; /* something was written and may not have arrived */
	/* lock */
	uint64_t fetched, told; /* FETCHes that were carried out; of which the server knows */
};

/* Content goes by the connection: says why. */
void direct_lament(const struct conn *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void direct_init(struct direct *d);
/* The connection is lost: what is under way here is as well. Any thread. */
void direct_shutdown(struct direct *d);
void direct_done(struct direct *d);
/* In the child of a fork, in place of both. */
void direct_forked(struct direct *d);

/*
 * Has the buffer, which the server has just prepared, registered on both ends, unless its kind or the
 * configuration leaves that out. What fails is told in the log, and its content goes by the connection.
 */
void direct_prepare(struct remote_handle *h, struct client_buffer *buf);
/* Before its RELEASE: nothing is moved to or from it any more. */
void direct_release(struct remote_handle *h, struct client_buffer *buf);
void direct_drop(struct client_buffer *buf); /* of a connection that is lost */
void direct_landing_done(struct direct_landing *l);

/* Explicit buffers. 0 or a negative errno: it is there, in the server's memory or in ours. */
int direct_push(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len);
int direct_pull(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len);

/* FETCH: reads the twin into our view. With lock. False: it makes no sense, or the link is broken. */
bool direct_fetch(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len);
/*
 * With lock, when what a HOLD brings is there: the server may change what was fetched. Each time costs both
 * ends as much as a small message, so it waits while more may come (`more`). False: the link is broken.
 */
bool direct_tell_fetched(struct remote_handle *h, bool more);
/* The same of a buffer that is gone, or going: nothing is read, but the server goes on. */
bool direct_skip_fetch(struct remote_handle *h);

/* Do so many bytes of it go this way? */
bool direct_takes(const struct remote_handle *h, const struct client_buffer *buf, size_t len);
/*
 * With release_lock, of what it takes. Writes them to the landing: 1, and *position is where; 0: there is no
 * room before the server has read what was said of it so far; a negative errno: the link is broken.
 */
int direct_land(struct remote_handle *h, struct client_buffer *buf, size_t from, size_t len,
		uint64_t *position);
/* Before anything is sent that speaks of it: what was written has arrived. 0 or a negative errno. */
int direct_settle(struct remote_handle *h);

#endif
