/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/fabric-stream.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PIECES 64 /* of one message */
#define LAST_NS (20 * NS_PER_MS) /* for what was sent just before the end to leave */

_Static_assert(FABRIC_NAP_MS == TRANSPORT_NAP_MS, "who polls naps for as long as a fabric allows");

struct fabric_stream {
	struct transport t;
	struct fabric_conn *c;
	struct fabric *fabric;
	/* The receiver's: what of a message was not taken yet. */
	size_t at, end;
	atomic_bool more; /* there is something of it */
	unsigned char message[FABRIC_MESSAGE_MAX];
};

static struct fabric_stream *of(const struct transport *t)
{
	return (struct fabric_stream *)(uintptr_t)t;
}

/* A stream that this side has shut down has ended as any other. */
static ssize_t outcome(ssize_t rc)
{
	return rc == -ESHUTDOWN ? -EPIPE : rc;
}

/* As much of it as a message has room for. */
static ssize_t stream_send(struct transport *t, const struct iovec *iov, int iovs)
{
	struct iovec part[PIECES];
	size_t left = FABRIC_MESSAGE_MAX;
	int n = 0, rc;

	for (; n < iovs && n < PIECES && left; n++) {
		part[n] = iov[n];
		if (part[n].iov_len > left)
			part[n].iov_len = left;
		left -= part[n].iov_len;
	}
	if (left == FABRIC_MESSAGE_MAX)
		return 0;
	rc = fabric_send(of(t)->c, part, n);
	return rc ? outcome(rc) : (ssize_t)(FABRIC_MESSAGE_MAX - left);
}

static ssize_t take(struct fabric_stream *s, const struct iovec *iov, int iovs)
{
	size_t before = s->at;

	for (int i = 0; i < iovs && s->at < s->end; i++) {
		size_t len = s->end - s->at < iov[i].iov_len ? s->end - s->at : iov[i].iov_len;

		if (len) /* else its place may be nowhere */
			memcpy(iov[i].iov_base, s->message + s->at, len);
		s->at += len;
	}
	atomic_store(&s->more, s->at < s->end);
	return (ssize_t)(s->at - before);
}

/* A message that fits goes to its place at once. */
static ssize_t stream_recv(struct transport *t, const struct iovec *iov, int iovs)
{
	struct fabric_stream *s = of(t);
	ssize_t n;

	if (s->at < s->end)
		return take(s, iov, iovs);
	n = iovs == 1 ? fabric_recv(s->c, iov->iov_base, iov->iov_len) : -EMSGSIZE;
	if (n != -EMSGSIZE)
		return outcome(n);
	n = fabric_recv(s->c, s->message, sizeof(s->message));
	if (n < 0)
		return outcome(n);
	s->at = 0;
	s->end = (size_t)n;
	return take(s, iov, iovs);
}

static int stream_fd(const struct transport *t)
{
	return fabric_fd(of(t)->c);
}

static bool stream_pending(const struct transport *t)
{
	return atomic_load(&of(t)->more) || fabric_has_message(of(t)->c);
}

static bool stream_may_sleep(struct transport *t)
{
	return !atomic_load(&of(t)->more) && fabric_may_sleep(of(t)->c);
}

static int stream_wait(struct transport *t, short events, int64_t spin_until, int64_t deadline, int wake_fd)
{
	unsigned int what = (events & POLLIN ? FABRIC_IN : 0u) | (events & POLLOUT ? FABRIC_OUT : 0u);
	int rc;

	if (events & POLLIN && atomic_load(&of(t)->more))
		return POLLIN;
	rc = fabric_wait_or_wake(of(t)->c, what, spin_until, deadline, wake_fd);
	if (rc < 0)
		return rc;
	return ((unsigned int)rc & FABRIC_IN ? POLLIN : 0) | ((unsigned int)rc & FABRIC_OUT ? POLLOUT : 0);
}

static void stream_shutdown(struct transport *t)
{
	fabric_flush(of(t)->c, clock_deadline(LAST_NS));
	fabric_shutdown(of(t)->c);
}

static void stream_free(struct transport *t)
{
	fabric_flush(of(t)->c, clock_deadline(LAST_NS));
	fabric_conn_free(of(t)->c);
	fabric_close(of(t)->fabric);
	free(of(t));
}

static int stream_alive(struct transport *t)
{
	return fabric_alive(of(t)->c);
}

static void stream_forget(struct transport *t)
{
	fabric_forget(of(t)->c);
}

static const struct transport_ops stream_ops = {
	.send = stream_send, .recv = stream_recv, .fd = stream_fd, .pending = stream_pending,
	.wait = stream_wait, .may_sleep = stream_may_sleep, .alive = stream_alive,
	.shutdown = stream_shutdown,
	.free = stream_free, .forget = stream_forget,
};

int fabric_stream_new(struct fabric_conn *c, struct fabric *f, const char *name, struct transport **ret)
{
	struct fabric_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		fabric_conn_free(c);
		fabric_close(f);
		return -ENOMEM;
	}
	s->t.ops = &stream_ops;
	s->c = c;
	s->fabric = f;
	snprintf(s->t.name, sizeof(s->t.name), "%s", name);
	*ret = &s->t;
	return 0;
}
