/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fabric: connections that carry messages, and through which one end reads and writes memory that the
 * other has offered, without a copy by that end's processor where the hardware can. By libfabric, which is
 * loaded at the first fabric_open(); what is said over it is no business of it.
 *
 * It takes what every provider gives that it is meant for (docs/adr/0001-fabric.md): reliable connections,
 * 55 bytes with a connection's making, 8 MiB in one operation, and no progress but that of a thread which
 * waits here or calls: the other end's reads and writes move only while somebody does.
 *
 * Functions return 0 or a count, or a negative errno. Times are deadlines on the clock of base/clock.h, sizes
 * and offsets are bytes. A connection that has failed once has failed for good, and every call says so with
 * the same error:
 *   -EPIPE      the other end has closed, died, or refused an access that was outside of what it offers
 *   -ETIMEDOUT  a read or write did not end by its deadline, and had begun
 *   -EPROTO     the other end has sent what is none of ours
 *   -ESHUTDOWN  fabric_shutdown() on this side
 *   -EIO        the provider says something else: fabric_why()
 *
 * Threads: any call of a connection may be made on any thread, but for fabric_conn_free(), which comes last.
 * Of a listener: one thread at a time.
 */
#ifndef TRANSPORT_FABRIC_H
#define TRANSPORT_FABRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "transport/address.h"

#define FABRIC_WHY_MAX 400
#define FABRIC_GREETING_MAX 55 /* what verbs has room for */
#define FABRIC_MESSAGE_MAX 8192
#define FABRIC_CREDITS 32 /* messages that one end may send before the other has taken one */
#define FABRIC_PORT 8448u

struct fabric;
struct fabric_listener;
struct fabric_request;
struct fabric_conn;
struct fabric_memory;

/* Loads libfabric, as fabric_open() does, for who is to read no files by then: -ENOTSUP, -ENOENT. */
int fabric_load(char *why);

enum fabric_side { FABRIC_CLIENT, FABRIC_SERVER };

/* What comes along with a connection's request, its acceptance and its refusal. */
struct fabric_greeting {
	size_t len;
	unsigned char data[FABRIC_GREETING_MAX];
};

/*
 * Opens a provider ("tcp", "verbs"): of a server at a literal address of this machine, port 0 being any; of a
 * client on the way to a literal address. The first call of a process may take 300 ms, for libfabric's own
 * start. why (FABRIC_WHY_MAX bytes) names the provider and what to do:
 *   -ENOTSUP  this build has no fabric, or the provider cannot do what is needed
 *   -ENOENT   libfabric is not installed
 *   -ENODEV   the provider has nothing by which it gets to this address
 *   -EINVAL   the address is a name, or none of tcp's
 */
int fabric_open(const char *provider, const struct address *at, enum fabric_side side, struct fabric **ret,
		char *why);
/* NULL is fine. After everything that was made with it. */
void fabric_close(struct fabric *f);

/*
 * ---- memory ----
 *
 * The peer of a connection reaches what is registered with more than FABRIC_OWN, and nothing else; so each
 * peer that is not trusted with another's memory gets a fabric of its own.
 */
enum fabric_access {
	FABRIC_OWN = 0, /* for this side's own reads and writes */
	FABRIC_PEER_READS = 1,
	FABRIC_PEER_WRITES = 2,
};

/* What a peer is told of it. */
struct fabric_remote {
	uint64_t base, key, len;
};

/* -ENOMEM: also when no more memory may be pinned (ulimit -l). */
int fabric_memory_add(struct fabric *f, void *base, size_t len, unsigned int access,
		      struct fabric_memory **ret);
void fabric_memory_tell(const struct fabric_memory *m, struct fabric_remote *ret);
/* The peer's next access of it is refused. NULL is fine. */
void fabric_memory_remove(struct fabric_memory *m);
/*
 * Does an access that has begun go on, at the same addresses, when its memory is removed? So it is where
 * software moves the bytes ("tcp"): until the peer's connection is freed nothing else may be put at these
 * addresses (map them PROT_NONE instead of unmapping them). Where hardware does, removal ends it.
 */
bool fabric_lingers(const struct fabric *f);

/* ---- connections ---- */

int fabric_listen(struct fabric *f, struct fabric_listener **ret, char *why);
/* Where it listens, with the port that it has got. */
int fabric_listener_address(const struct fabric_listener *l, struct address *ret);
/* To be polled for POLLIN when fabric_listener_next() has said -EAGAIN. */
int fabric_listener_fd(const struct fabric_listener *l);
/* Who wants to connect. -EAGAIN: nobody. */
int fabric_listener_next(struct fabric_listener *l, struct fabric_request **ret);
/* Requests that came of it have been answered. NULL is fine. */
void fabric_listener_free(struct fabric_listener *l);

const struct fabric_greeting *fabric_request_greeting(const struct fabric_request *r);
int fabric_request_peer(const struct fabric_request *r, struct address *ret);
/* Both end the request, also on failure. The answer may be NULL. */
int fabric_request_accept(struct fabric_request *r, const struct fabric_greeting *answer, int64_t deadline,
			  struct fabric_conn **ret);
void fabric_request_refuse(struct fabric_request *r, const struct fabric_greeting *answer);

/*
 * To the fabric's address, or to another port there (0: its own). The answer is the other end's, in
 * acceptance and refusal; NULL: nobody asks. -ECONNREFUSED: refused (answer->len > 0), or nobody listens;
 * -ETIMEDOUT.
 */
int fabric_connect(struct fabric *f, uint32_t port, const struct fabric_greeting *hello, int64_t deadline,
		   struct fabric_greeting *answer, struct fabric_conn **ret);
/* From any thread: who waits wakes; what was under way is given up, and its memory let alone. */
void fabric_shutdown(struct fabric_conn *c);
/* What was not flushed may be lost. NULL is fine. */
void fabric_conn_free(struct fabric_conn *c);
/*
 * Has the other end's machine been heard of lately? As transport_ops.alive of transport.h; where a provider
 * does not tell (verbs, whose hardware finds out by itself): 0.
 */
int fabric_alive(struct fabric_conn *c);
/* In the child of a fork, in place of fabric_conn_free(): the parent's end is not put off by it. */
void fabric_forget(struct fabric_conn *c);
/* Why it has failed, in one line; "": it has not. */
void fabric_why(struct fabric_conn *c, char out[FABRIC_WHY_MAX]);

/* ---- messages: they keep order among each other, and come after what was written before them ---- */

/* The whole of it, 1 to FABRIC_MESSAGE_MAX bytes. -EAGAIN: no room now; -EMSGSIZE. */
int fabric_send(struct fabric_conn *c, const struct iovec *iov, int iovs);
/* Until what was sent has left this process. -ETIMEDOUT leaves the connection as it is. */
int fabric_flush(struct fabric_conn *c, int64_t deadline);
/* One message: its length. -EAGAIN: there is none; -EMSGSIZE: it is longer, and stays. */
ssize_t fabric_recv(struct fabric_conn *c, void *buf, size_t size);

#define FABRIC_IN 1u
#define FABRIC_OUT 2u
/*
 * Until recv (FABRIC_IN) or send (FABRIC_OUT) has something to say: spins until spin_until, offering its
 * core, then sleeps. 0; -ETIMEDOUT.
 */
int fabric_wait(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline);
/*
 * The same, but which of them it is in place of 0; and -EINTR when there is something to read at wake_fd (-1:
 * none).
 */
int fabric_wait_or_wake(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline,
			int wake_fd);
/*
 * For the peer's reads and writes, of which this end is told nothing: spins for spin_ns when something has
 * happened, offering its core, and sleeps when nothing has. 0: recv has something to say; -ETIMEDOUT.
 */
int fabric_serve(struct fabric_conn *c, int64_t spin_ns, int64_t deadline);
/*
 * To be polled for POLLIN, when fabric_may_sleep() has just said yes, and for FABRIC_NAP_MS at most: it
 * happens that provider tcp has something to send and does not wake when it may. Readable when there may be a
 * message, also one that a call of another thread has brought in.
 */
#define FABRIC_NAP_MS 20
int fabric_fd(const struct fabric_conn *c);
bool fabric_may_sleep(struct fabric_conn *c);
/* Has a message been taken in already, or is it lost? Costs less. */
bool fabric_has_message(struct fabric_conn *c);

/* ---- one-sided reads and writes: one at a time on a connection, others queue ---- */

/* Between this side's memory and the peer's, of any length. Both bounds are checked here: -ERANGE. */
struct fabric_move {
	struct fabric_memory *own;
	size_t own_at;
	const struct fabric_remote *remote;
	uint64_t remote_at;
	size_t len;
};

/* When it returns 0, the bytes are here. On failure nothing writes to `own` any more. */
int fabric_read(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline);
/*
 * When it returns 0, `own` may be changed again; the bytes have arrived when fabric_fence() has returned 0,
 * or when the other end has received a message that was sent afterwards.
 */
int fabric_write(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline);
/* Everything written so far has arrived: reads a byte of memory that the peer lets this side read. */
int fabric_fence(struct fabric_conn *c, const struct fabric_remote *readable, int64_t deadline);

#endif
