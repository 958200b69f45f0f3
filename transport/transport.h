/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes between two ends, without knowledge of what they say: a stream that keeps order and loses nothing,
 * or has ended. Every function returns 0 or a count, or a negative errno; none blocks but those that
 * have a deadline. Sending and receiving may happen on two threads at a time; two threads that send, or two
 * that receive, keep each other out themselves.
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

struct transport_ops {
	/* Bytes taken, at least 1; -EAGAIN: no room now; -EPIPE: the other end has gone. */
	ssize_t (*send)(struct transport *t, const struct iovec *iov, int iovs);
	/*
	 * Bytes received, at least 1; -EAGAIN: nothing there; -EPIPE: the other end has gone; -EHOSTDOWN: its
	 * machine has.
	 */
	ssize_t (*recv)(struct transport *t, const struct iovec *iov, int iovs);
	/* What to poll for: POLLIN when recv may have something, POLLOUT when send may. */
	int (*fd)(const struct transport *t);
	/*
	 * May recv have something even though the descriptor is not readable, because it has been read
	 * already? Any thread; NULL: never.
	 */
	bool (*pending)(const struct transport *t);
	/*
	 * In place of poll(2) of fd, for what has to be driven while one waits. Until recv (POLLIN), or send
	 * (POLLOUT), may have something to say: spins until spin_until, then sleeps. What of `events` may be
	 * the case; -ETIMEDOUT; -EINTR: there is something to read at wake_fd (-1: none). Any thread; NULL:
	 * the descriptor says all.
	 */
	int (*wait)(struct transport *t, short events, int64_t spin_until, int64_t deadline, int wake_fd);
	/*
	 * Of what has `wait`: may who polls fd by himself, for POLLIN alone, do so now, and for
	 * TRANSPORT_NAP_MS at most? Otherwise recv may have something. Any thread.
	 */
	bool (*may_sleep)(struct transport *t);
	/*
	 * Has the other end's machine been heard of lately? Where nothing else finds out that a peer has
	 * vanished while data is under way to it. To be asked at least every 4 s while one waits. 0: nothing
	 * is under way; 1: something is, and that is no reason to worry yet; -EHOSTDOWN: it has vanished.
	 * Any thread; NULL: not needed.
	 */
	int (*alive)(struct transport *t);
	/* Ends both directions, so that who waits in poll wakes; the memory stays. Any thread. */
	void (*shutdown)(struct transport *t);
	void (*free)(struct transport *t);
	/*
	 * In the child of a fork, in place of free: closes the child's descriptor, and says nothing on a
	 * stream that is its parent's. NULL: free does no more than that.
	 */
	void (*forget)(struct transport *t);
};

#define TRANSPORT_NAME_MAX 160

struct transport {
	const struct transport_ops *ops;
	char name[TRANSPORT_NAME_MAX]; /* of the other end, for people: "a:8447", "vsock 3:8447" */
};

bool transport_pending(const struct transport *t);
/*
 * For who polls by himself, because he waits for several: what to poll for, until recv (POLLIN) or send
 * (POLLOUT) may have something to say, and for how many milliseconds at most (INT_MAX: as long as he likes).
 * 0: they may now.
 */
#define TRANSPORT_NAP_MS 20
int transport_poll_for(struct transport *t, short events, struct pollfd *ret);
/* Does send find room within so many ms? What has ended has: sending tells of it. */
bool transport_has_room(struct transport *t, int ms);
/* Everything, or a negative errno: -ETIMEDOUT, -EPIPE, -EHOSTDOWN, ... The iov is used up. */
int transport_send_all(struct transport *t, struct iovec *iov, int iovs, int64_t deadline);
/*
 * The same for who must go on reading meanwhile, because the other end may take nothing before it could
 * send: stuck() is called when there is no room to send and something to read.
 */
int transport_send_all_or(struct transport *t, struct iovec *iov, int iovs, int64_t deadline,
			  void (*stuck)(void *ctx), void *ctx);
/*
 * Until recv may have something: spins until spin_until (on the clock of base/clock.h), offering its core,
 * then sleeps. A byte that is there is left there. 0; -ETIMEDOUT: the deadline; -EHOSTDOWN.
 */
int transport_wait(struct transport *t, int64_t spin_until, int64_t deadline);
/* The same; and -EINTR when there is something to read at wake_fd (-1: none) and nothing to receive. */
int transport_wait_or_wake(struct transport *t, int64_t spin_until, int64_t deadline, int wake_fd);
/*
 * For the last words to be read: until the peer has ended, or the deadline. What he says is thrown away, for
 * an end with something unread is none that he would read up to.
 */
void transport_linger(struct transport *t, int64_t deadline);
void transport_free(struct transport *t); /* NULL is fine */
void transport_forget(struct transport *t); /* the same */

#endif
