/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each end has a ring of what it has yet to receive, and an eventfd that is readable while the ring has
 * something or nothing will come any more. One lock guards both ends; the last end that is freed frees all.
 */
#include "transport/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/sys.h"

struct loop_end {
	struct transport t;
	struct loop *loop;
	struct loop_end *other;
	unsigned char *ring; /* of bytes to receive */
	size_t at, len;	     /* where they begin, and how many they are */
	int fd;
	bool readable, freed;
	void (*pump)(void *ctx);
	void *pump_ctx;
	atomic_bool pumping;
};

struct loop {
	pthread_mutex_t lock;
	size_t room;
	bool shut; /* nothing is sent any more */
	struct loop_end ends[2];
};

/* The eventfd says what the ring has. With the lock. */
static void tell(struct loop_end *e)
{
	bool readable = e->len || e->loop->shut;
	eventfd_t drop;

	if (readable == e->readable)
		return;
	if (readable)
		eventfd_write(e->fd, 1);
	else
		eventfd_read(e->fd, &drop);
	e->readable = readable;
}

/* Copies between the ring from `at` on and `mem`. */
static void ring_copy(struct loop_end *e, size_t at, unsigned char *mem, size_t len, bool in)
{
	size_t room = e->loop->room, first;

	at %= room;
	first = len < room - at ? len : room - at;
	if (in) {
		memcpy(e->ring + at, mem, first);
		memcpy(e->ring, mem + first, len - first);
	} else {
		memcpy(mem, e->ring + at, first);
		memcpy(mem + first, e->ring, len - first);
	}
}

static ssize_t put(struct loop_end *to, const struct iovec *iov, int iovs)
{
	size_t sent = 0, room = to->loop->room;
	SCOPED_LOCK(&to->loop->lock);

	if (to->loop->shut)
		return -EPIPE;
	for (int i = 0; i < iovs && to->len < room; i++) {
		size_t n = iov[i].iov_len < room - to->len ? iov[i].iov_len : room - to->len;

		ring_copy(to, to->at + to->len, iov[i].iov_base, n, true);
		to->len += n;
		sent += n;
	}
	tell(to);
	return sent ? (ssize_t)sent : -EAGAIN;
}

static ssize_t get(struct loop_end *e, const struct iovec *iov, int iovs)
{
	size_t got = 0;
	SCOPED_LOCK(&e->loop->lock);

	for (int i = 0; i < iovs && e->len; i++) {
		size_t n = iov[i].iov_len < e->len ? iov[i].iov_len : e->len;

		ring_copy(e, e->at, iov[i].iov_base, n, false);
		e->at = (e->at + n) % e->loop->room;
		e->len -= n;
		got += n;
	}
	if (got)
		tell(e);
	return got ? (ssize_t)got : e->loop->shut ? -EPIPE : -EAGAIN;
}

/* Lets the other side work; false: there is no pump, or it runs. */
static bool pump(struct loop_end *e)
{
	if (!e->pump || atomic_exchange(&e->pumping, true))
		return false;
	e->pump(e->pump_ctx);
	atomic_store(&e->pumping, false);
	return true;
}

static ssize_t loop_send(struct transport *t, const struct iovec *iov, int iovs)
{
	struct loop_end *e = (struct loop_end *)t;
	ssize_t n = put(e->other, iov, iovs);

	if (n == -EAGAIN && pump(e))
		n = put(e->other, iov, iovs);
	if (n == -EAGAIN)
		sched_yield(); /* an eventfd cannot say that there is no room */
	return n;
}

static ssize_t loop_recv(struct transport *t, const struct iovec *iov, int iovs)
{
	struct loop_end *e = (struct loop_end *)t;
	ssize_t n = get(e, iov, iovs);

	if (n == -EAGAIN && pump(e))
		n = get(e, iov, iovs);
	return n;
}

static int loop_fd(const struct transport *t)
{
	return ((const struct loop_end *)t)->fd;
}

static void loop_shutdown(struct transport *t)
{
	struct loop *l = ((struct loop_end *)t)->loop;
	SCOPED_LOCK(&l->lock);

	l->shut = true;
	tell(&l->ends[0]);
	tell(&l->ends[1]);
}

static void loop_done(struct loop *l)
{
	for (int i = 0; i < 2; i++) {
		if (l->ends[i].fd >= 0)
			sys_close(l->ends[i].fd);
		free(l->ends[i].ring);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void loop_free(struct transport *t)
{
	struct loop_end *e = (struct loop_end *)t;
	struct loop *l = e->loop;
	bool last;

	loop_shutdown(t);
	pthread_mutex_lock(&l->lock);
	e->freed = true;
	last = e->other->freed;
	pthread_mutex_unlock(&l->lock);
	if (last)
		loop_done(l);
}

static const struct transport_ops loop_ops = {
	.send = loop_send,
	.recv = loop_recv,
	.fd = loop_fd,
	.shutdown = loop_shutdown,
	.free = loop_free,
};

static int end_init(struct loop *l, int i)
{
	struct loop_end *e = &l->ends[i];

	e->t.ops = &loop_ops;
	snprintf(e->t.name, sizeof(e->t.name), "loop");
	e->loop = l;
	e->other = &l->ends[!i];
	e->ring = malloc(l->room);
	e->fd = sys_eventfd(0, EFD_NONBLOCK);
	return !e->ring ? -ENOMEM : e->fd < 0 ? e->fd : 0;
}

int loop_pair(size_t room, struct transport **a, struct transport **b)
{
	struct loop *l = room ? calloc(1, sizeof(*l)) : NULL;
	int rc, rc2;

	if (!l)
		return room ? -ENOMEM : -EINVAL;
	pthread_mutex_init(&l->lock, NULL);
	l->room = room;
	rc = end_init(l, 0);
	rc2 = end_init(l, 1);
	if (rc || rc2) {
		loop_done(l);
		return rc ? rc : rc2;
	}
	*a = &l->ends[0].t;
	*b = &l->ends[1].t;
	return 0;
}

void loop_set_pump(struct transport *t, void (*run)(void *ctx), void *ctx)
{
	struct loop_end *e = (struct loop_end *)t;

	e->pump = run;
	e->pump_ctx = ctx;
}
