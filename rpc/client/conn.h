/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection: frames of all threads that use a host, and the calls that wait on it.
 *
 * Reading is a role that one thread has at a time: whoever waits for a reply and finds it free takes it,
 * reads until its own reply came, hands over those of others on the way, and leaves the role to one that
 * still waits. Nobody else stands between a reply and who waits for it. When no call waits for a while, the
 * I/O thread takes the role for what comes by itself.
 *
 * Sending is under out_lock, so that what one thread posted and what it calls afterwards leave in this
 * order. lock is taken inside out_lock, never the other way round.
 */
#ifndef RPC_CLIENT_CONN_H
#define RPC_CLIENT_CONN_H

#include "rpc/client/internal.h"

struct call;

enum call_state {
	CALL_OPEN,
	CALL_ASLEEP, /* its thread sleeps on the state */
	CALL_ROLE,   /* the reader's role may be free: come and look */
	CALL_DONE,   /* its reply is there, or its failure */
};

/* Sent as soon as there is so much, of several frames; one of another kind may still stand behind. */
#define POSTED_FULL (4u * WIRE_WRITES_MAX)
#define POSTED_ROOM (POSTED_FULL + WIRE_HEAD + 128u)
#define POSTED_LINGER_NS (10 * NS_PER_US) /* no write waits longer, but at the end of a flow (io.c) */

struct conn {
	struct rpc_link link;
	struct remote_host *host;
	const char *name; /* the host's: what reasons begin with */
	int64_t spin_ns, timeout_ns;
	uint64_t features; /* HELLO's reply: what both ends can */
	unsigned int forks; /* client_forks() of who made it */
	atomic_uint refs;
	struct conn *next, **link_of; /* of all in this process: client.c */
	struct direct direct;	      /* the fabric beside it */

	pthread_mutex_t lock; /* guards the calls and the role */
	struct call *calls[WIRE_CALLS_MAX];
	uint32_t generations[WIRE_CALLS_MAX]; /* of the ids that had this place */
	uint32_t next_place, num_calls, max_calls;
	struct call *waiting; /* for the role, in order */
	bool reading;	      /* somebody has the role */
	struct call *placing; /* bytes come into its place: it must stay */
	bool lost;	      /* the calls were told */

	pthread_mutex_t handles_lock; /* guards the list; held while a push to one of them is dispatched */
	struct remote_handle *handles;

	pthread_mutex_t out_lock; /* guards sending, and what follows of posted writes */
	unsigned char posted[POSTED_ROOM]; /* frames, the last of them perhaps still growing */
	size_t posted_len, run;		   /* where that one begins, or POSTED_ROOM */
	uint64_t run_handle;
	int64_t sent;			/* when something was sent last */
	_Atomic int64_t posted_since;	/* 0: nothing waits */
	_Atomic uint32_t posted_count;	/* how often writes were set aside: is there a burst */
	bool io_asleep;			/* and must be woken for them */

	/* The I/O thread's (io.c). */
	pthread_t io;
	bool io_runs;		/* under handles_lock */
	atomic_int io_wake;	/* an eventfd; -1 before the first start */
	int io_timer;		/* a timerfd; negative before the first start, or when there is none */
	atomic_bool io_stop;
	atomic_bool io_away;   /* it does not look at the socket */
	atomic_bool expecting; /* but it shall: something may come by itself soon */
	atomic_uint waiters;	/* threads that wait for replies */
	_Atomic uint32_t waits; /* how often one did */
	atomic_uint busy;	  /* pages of tracked buffers that are shown or owed */
	atomic_bool tended;	  /* the I/O thread knows of that */
	_Atomic int64_t stirred; /* when a register was written, or the device told news, last */
	uint32_t round;		  /* the I/O thread's: of handles whose buffers it releases */
	atomic_uint events; /* registered by the handles: the I/O thread comes back to the socket sooner */
};

/* Takes the transport over, also on failure; one reference. NULL: no memory. */
struct conn *conn_new(struct remote_host *host, struct transport *t);
struct conn *conn_get(struct conn *n); /* counts one more */
/* In the child of a fork: closes the socket, without a word to the other end. */
void conn_forked(struct conn *n);

/* FPGA_OK; else it is lost, or another process's, and the reason is set. */
fpga_result conn_check(const struct conn *n);
static inline bool conn_lost(const struct conn *n)
{
	return atomic_load_explicit(&n->link.broken, memory_order_relaxed);
}
/* Ends it for rc: all that waits is told. Any thread that is not in the reader's role. */
void conn_break(struct conn *n, int rc);
/* Bytes of data that a frame may bring, at most WIRE_BULK. */
uint32_t conn_bulk(const struct conn *n);

/* The calls' side: call.c. */
int conn_enter(struct conn *n, struct call *c); /* gives it an id. 0, -EAGAIN: too many, or why it is lost */
void conn_await(struct conn *n, struct call *c); /* until done, or its deadline: then it has failed */
/*
 * Gives it up: nobody uses its memory afterwards. What is just being received into it costs the connection.
 */
void conn_leave(struct conn *n, struct call *c);
/*
 * Frames, behind the posted writes that wait. 0; -EAGAIN, if it was to be at_once: another thread sends, or
 * the other end is behind, and nothing was sent; another negative errno: the connection is lost then.
 */
int conn_send(struct conn *n, const struct iovec *iov, int iovs, int64_t deadline, bool at_once);

/* Reads what is there, without waiting, if nobody else reads. */
void conn_drain(struct conn *n);

/* Pushes find the handle from enter to leave; leave waits for one that is under way. */
void conn_handle_enter(struct conn *n, struct remote_handle *h);
void conn_handle_leave(struct conn *n, struct remote_handle *h);
/* Has it a handle of this object? */
bool conn_has_open(struct conn *n, uint64_t token);

/* Posted writes: post.c. 0, or a negative errno: it is lost. */
int conn_write(struct conn *n, uint64_t handle, uint32_t region, uint32_t width, uint64_t offset,
	       uint64_t value);
int conn_write512(struct conn *n, uint64_t handle, uint32_t region, uint64_t offset, const void *value);
/* One as a frame of its own, for who sends it with others; of 64 bytes, or of 4 or 8 in `value`. */
struct post_write {
	uint64_t handle;
	uint32_t region, width;
	uint64_t offset, value;
	const void *bytes;
};
#define POST_FRAME (WIRE_HEAD + 16u + 64u) /* bytes at most */
size_t post_frame(unsigned char *at, const struct post_write *w);
#define POST_PIECES 16
/* With out_lock held: what waits, and what the caller puts behind it, at most POST_PIECES. */
int post_send(struct conn *n, const struct iovec *iov, int iovs, int64_t deadline);
/*
 * Sends what waits, if it has been waiting since `until` or longer. Since when something waits then; 0:
 * nothing does.
 */
int64_t post_flush(struct conn *n, int64_t until);

/* So many pages more, or less, are to be released by and by: the I/O thread does it. */
void conn_pages_busy(struct conn *n, int more);
/* The device is not idle: that is done sooner for a while. */
void conn_stir(struct conn *n);

/* The I/O thread: io.c. Starts it unless it runs. 0 or a negative errno. */
int io_start(struct conn *n);
void io_stop(struct conn *n);
void io_kick(struct conn *n);
/* A register was written, so events or content may come: the I/O thread goes back to the socket at once. */
void io_expect(struct conn *n);

#endif
