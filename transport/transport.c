/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/transport.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

#include "base/clock.h"
#include "base/sys.h"

/* Between two looks at whether the peer's machine is still there: while data is under way to it, and else. */
#define LOOK_NS NS_PER_S
#define LOOK_IDLE_NS (1500 * NS_PER_MS)
#define STUCK_MS 1 /* somebody else reads, and may not have come to it yet */

static void skip(struct iovec **iov, int *iovs, size_t n)
{
	while (*iovs && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*iovs)--;
	}
	if (*iovs) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int alive(struct transport *t)
{
	return t->ops->alive ? t->ops->alive(t) : 0;
}

bool transport_pending(const struct transport *t)
{
	return t->ops->pending && t->ops->pending(t);
}

bool transport_has_room(struct transport *t, int ms)
{
	struct pollfd p = { .fd = t->ops->fd(t), .events = POLLOUT };

	if (t->ops->wait)
		return t->ops->wait(t, POLLOUT, 0, clock_deadline(ms * NS_PER_MS), -1) != -ETIMEDOUT;
	return sys_poll(&p, 1, ms) != 0;
}

int transport_poll_for(struct transport *t, short events, struct pollfd *ret)
{
	*ret = (struct pollfd){ .fd = t->ops->fd(t), .events = events };
	if (events & POLLIN && transport_pending(t))
		return 0;
	if (!t->ops->wait)
		return INT_MAX;
	ret->events = POLLIN;
	if (events & POLLOUT) /* of which no descriptor of what is driven tells */
		return transport_has_room(t, 0) ? 0 : STUCK_MS;
	return t->ops->may_sleep(t) ? TRANSPORT_NAP_MS : 0;
}

/* The events of what is driven while one waits, or of its descriptor; 0: none within so many ms. */
static int await_events(struct transport *t, short events, int ms)
{
	struct pollfd p = { .fd = t->ops->fd(t), .events = events };
	int rc;

	if (!t->ops->wait)
		return sys_poll(&p, 1, ms) > 0 ? p.revents : 0;
	rc = t->ops->wait(t, events, 0, clock_deadline(ms * NS_PER_MS), -1);
	return rc == -ETIMEDOUT ? 0 : rc < 0 ? POLLOUT : rc; /* send says what is wrong */
}

#define SPIN_SEND_NS (50 * NS_PER_US)

static int await_room(struct transport *t, int64_t deadline, void (*stuck)(void *ctx), void *ctx)
{
	short events = stuck ? POLLOUT | POLLIN : POLLOUT;
	int64_t look = clock_deadline(LOOK_NS);
	bool pending = stuck && transport_pending(t);
	int left = pending ? 0 : clock_left_ms(deadline < look ? deadline : look), found, rc;

	if (!clock_left_ms(deadline))
		return -ETIMEDOUT;
	found = await_events(t, events, left);
	rc = found ? 0 : alive(t);
	if (stuck && (found || pending) && !(found & POLLOUT)) {
		stuck(ctx);
		await_events(t, POLLOUT, STUCK_MS);
	}
	return rc < 0 ? rc : 0;
}

int transport_send_all(struct transport *t, struct iovec *iov, int iovs, int64_t deadline)
{
	return transport_send_all_or(t, iov, iovs, deadline, NULL, NULL);
}

int transport_send_all_or(struct transport *t, struct iovec *iov, int iovs, int64_t deadline,
			  void (*stuck)(void *ctx), void *ctx)
{
	int64_t spin_end = 0; /* a reader that is at it makes room sooner than a sleeper wakes */

	skip(&iov, &iovs, 0);
	while (iovs) {
		ssize_t n = t->ops->send(t, iov, iovs);
		int rc = n < 0 && n != -EAGAIN ? (int)n : 0;

		if (n > 0) {
			skip(&iov, &iovs, (size_t)n);
			spin_end = 0;
		} else if (!rc && !spin_end) {
			spin_end = clock_deadline(SPIN_SEND_NS);
		} else if (!rc && clock_now_ns() < spin_end) {
			sched_yield();
		} else if (!rc) {
			rc = await_room(t, deadline, stuck, ctx);
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Milliseconds to sleep; a negative errno: the peer has vanished. */
static int nap(struct transport *t, int64_t deadline)
{
	int rc = alive(t);
	int64_t look;

	if (rc < 0)
		return rc;
	if (!t->ops->alive)
		return clock_left_ms(deadline);
	look = clock_deadline(rc ? LOOK_NS : LOOK_IDLE_NS);
	return clock_left_ms(look < deadline ? look : deadline);
}

static int wait_driven(struct transport *t, int64_t spin_until, int64_t deadline, int wake_fd)
{
	int rc = 0;

	while (rc >= 0) {
		int64_t look = clock_deadline(rc ? LOOK_NS : LOOK_IDLE_NS);

		rc = t->ops->wait(t, POLLIN, spin_until, look < deadline ? look : deadline, wake_fd);
		if (rc != -ETIMEDOUT || clock_now_ns() >= deadline)
			return rc < 0 ? rc : 0;
		rc = alive(t);
	}
	return rc;
}

int transport_wait(struct transport *t, int64_t spin_until, int64_t deadline)
{
	return transport_wait_or_wake(t, spin_until, deadline, -1);
}

int transport_wait_or_wake(struct transport *t, int64_t spin_until, int64_t deadline, int wake_fd)
{
	struct pollfd p[2] = { { .fd = t->ops->fd(t), .events = POLLIN },
			       { .fd = wake_fd, .events = POLLIN } };

	if (t->ops->wait)
		return wait_driven(t, spin_until, deadline, wake_fd);
	for (;;) {
		int64_t now = clock_now_ns();
		bool spin = now < spin_until;
		int ms = spin ? 0 : nap(t, deadline);

		if (transport_pending(t))
			return 0;
		if (ms < 0)
			return ms;
		if (sys_poll(p, 2, ms) > 0)
			return p[0].revents ? 0 : -EINTR;
		if (now >= deadline)
			return -ETIMEDOUT;
		if (spin)
			sched_yield();
	}
}

void transport_linger(struct transport *t, int64_t deadline)
{
	char rest[4096];
	struct iovec iov = { rest, sizeof(rest) };
	ssize_t n = 0;

	while ((n >= 0 || n == -EAGAIN) && clock_left_ms(deadline) && !transport_wait(t, 0, deadline))
		n = t->ops->recv(t, &iov, 1);
}

void transport_free(struct transport *t)
{
	if (t)
		t->ops->free(t);
}

void transport_forget(struct transport *t)
{
	if (t && t->ops->forget)
		t->ops->forget(t);
	else
		transport_free(t);
}
