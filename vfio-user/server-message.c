/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA by messages. On the twin socket the sending thread does it all. Without one, the server's
 * thread owns the main socket: the sender leaves its message in the outbox, and gets the answer by
 * the condition variable. The server's thread itself may not: it would wait for its own answer. Only in an
 * author's own loop may it, outside of a step: then it steps the server meanwhile.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vfio-user/server-internal.h"

#define ANSWER_NS (5 * NS_PER_S)

static int64_t answer_deadline(const struct vu_server *s)
{
	return clock_deadline(s->cfg.answer_ms ? s->cfg.answer_ms * NS_PER_MS : ANSWER_NS);
}

int vu_dma_call_init(struct vu_dma_call *d)
{
	pthread_condattr_t attr;

	d->cancel = sys_eventfd(0, EFD_NONBLOCK);
	if (d->cancel < 0)
		return d->cancel;
	pthread_mutex_init(&d->turn, NULL);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void vu_dma_call_done(struct vu_dma_call *d)
{
	free(d->out.buf);
	if (d->cancel >= 0)
		sys_close(d->cancel);
	pthread_mutex_destroy(&d->turn);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
}

static struct vu_header header(struct vu_dma_call *d, size_t len, bool write)
{
	struct vu_header h = { .id = ++d->id,
			       .command = write ? VU_DMA_WRITE : VU_DMA_READ,
			       .size = (uint32_t)(sizeof(h) + sizeof(struct vu_dma_access) +
						  (write ? len : 0)) };

	d->command = h.command;
	return h;
}

/* What a client's reply says; its data goes to `into` when it is a good answer to a read. */
static int judge(const struct vu_inbox *in, uint16_t id, uint16_t command, void *into, size_t len)
{
	struct vu_dma_access a;

	if (in->head.id != id || in->head.command != command || in->num_fds)
		return -EPROTO;
	if (in->head.flags & VU_FLAG_ERROR)
		return -EFAULT; /* whatever its reason: not reachable */
	if (command == VU_DMA_WRITE) /* 0, 12 and 16 bytes have been seen */
		return in->body_len <= sizeof(a) ? 0 : -EPROTO;
	if (in->body_len != sizeof(a) + len)
		return -EPROTO;
	memcpy(into, in->body + sizeof(a), len);
	return 0;
}

/* ---- on the twin ---- */

/* An answer to a message that nobody waits for any more. */
static bool is_overdue(struct vu_dma_call *d, const struct vu_inbox *in)
{
	SCOPED_LOCK(&d->lock);

	if (!d->overdue || in->head.id == d->id)
		return false;
	d->overdue--;
	return true;
}

static int twin_wait(struct vu_server *s, int64_t deadline)
{
	struct vu_dma_call *d = &s->dma_call;
	struct pollfd p[] = { { .fd = s->twin, .events = POLLIN },
			      { .fd = d->cancel, .events = POLLIN } };
	eventfd_t ignored;

	for (;;) {
		int rc = vu_inbox_read(&s->twin_inbox, s->twin);

		if (rc == 1 && is_overdue(d, &s->twin_inbox)) {
			vu_inbox_next(&s->twin_inbox);
			continue;
		}
		if (rc)
			return rc > 0 ? 0 : rc;
		if (!clock_left_ms(deadline))
			return -ETIMEDOUT;
		sys_poll(p, 2, clock_left_ms(deadline));
		if (p[1].revents && !eventfd_read(d->cancel, &ignored))
			return -ECANCELED;
	}
}

/* Marks the wait on the twin, so that a cancel of before or after it does not count. */
static void set_waiting(struct vu_dma_call *d, bool waiting, bool cancelled)
{
	eventfd_t ignored;
	SCOPED_LOCK(&d->lock);

	d->waiting = waiting;
	d->result = waiting ? 1 : 0;
	if (cancelled)
		d->overdue++;
	eventfd_read(d->cancel, &ignored);
}

/*
 * Nothing that comes now could be told from what is late. The client of an author's own loop is let go, as it
 * is without a twin: all that is asked of its memory would fail from here on.
 */
static int give_up_twin(struct vu_server *s, int rc)
{
	struct vu_dma_call *d = &s->dma_call;

	shutdown(s->twin, SHUT_RDWR);
	if (!s->stepped)
		return rc;
	d->stepping = true;
	vu_drop_client(s);
	d->stepping = false;
	return rc == -ETIMEDOUT ? rc : -ENOTCONN;
}

static int by_twin(struct vu_server *s, const struct vu_dma_access *a, void *data, bool write)
{
	struct vu_dma_call *d = &s->dma_call;
	struct vu_header h = header(d, a->count, write);
	struct vu_dma_access body = *a;
	struct iovec iov[3] = { { &h, sizeof(h) }, { &body, sizeof(body) }, { data, a->count } };
	int64_t deadline = answer_deadline(s);
	int rc;

	set_waiting(d, true, false);
	if (atomic_load(&s->stopping)) {
		set_waiting(d, false, false);
		return -ECANCELED;
	}
	rc = vu_send_all(s->twin, iov, write ? 3 : 2, NULL, 0, deadline);
	if (!rc)
		rc = twin_wait(s, deadline);
	set_waiting(d, false, rc == -ECANCELED);
	if (rc == -ECANCELED)
		return rc;
	if (!rc)
		rc = judge(&s->twin_inbox, d->id, d->command, data, a->count);
	vu_inbox_next(&s->twin_inbox);
	return !rc || rc == -EFAULT ? rc : give_up_twin(s, rc);
}

/* ---- on the main socket ---- */

static int put_out(struct vu_dma_call *d, const struct vu_dma_access *a, const void *data,
		   bool write)
{
	struct vu_header h = header(d, a->count, write);
	int rc = vu_outbox_reserve(&d->out, h.size);

	if (rc)
		return rc;
	memcpy(d->out.buf, &h, sizeof(h));
	memcpy(d->out.buf + sizeof(h), a, sizeof(*a));
	if (write)
		memcpy(d->out.buf + sizeof(h) + sizeof(*a), data, a->count);
	d->out.sent = 0;
	d->out.len = h.size;
	return 0;
}

/* 0 when done() is so before the time is up. The lock is held. */
static int await(struct vu_dma_call *d, bool (*done)(const struct vu_dma_call *d), int64_t end)
{
	struct timespec until = { .tv_sec = end / NS_PER_S, .tv_nsec = end % NS_PER_S };

	while (!done(d))
		if (pthread_cond_timedwait(&d->changed, &d->lock, &until) == ETIMEDOUT)
			return done(d) ? 0 : -ETIMEDOUT;
	return 0;
}

static bool outbox_empty(const struct vu_dma_call *d)
{
	return !d->out.len;
}

static bool answered(const struct vu_dma_call *d)
{
	return d->result != 1;
}

/*
 * The loop's thread is the one that sends: it steps the server until the answer is there. A client that waits
 * for the answer to a read may give none before: QEMU does not, while a processor of its guest waits.
 */
static int step_until_answered(struct vu_server *s)
{
	struct vu_dma_call *d = &s->dma_call;

	while (!answered(d)) {
		struct pollfd fds[VU_SERVER_FDS];
		int timeout_ms, left = clock_left_ms(d->deadline);

		if (atomic_load(&s->stopping))
			return -ECANCELED;
		if (s->num_later) { /* its time begins when it has that answer */
			d->deadline = answer_deadline(s);
			return -EINPROGRESS;
		}
		if (!left) {
			vu_drop_client(s);
			return -ETIMEDOUT;
		}
		timeout_ms = vu_server_wants(s, fds);
		if (timeout_ms < 0 || timeout_ms > left)
			timeout_ms = left;
		if (sys_poll(fds, VU_SERVER_FDS, timeout_ms) >= 0)
			vu_server_step(s, fds, 1);
	}
	return d->result;
}

int vu_server_dma_resume(struct vu_server *s)
{
	struct vu_dma_call *d = &s->dma_call;
	int rc;

	if (!d->stepping)
		return -ENOTCONN;
	rc = step_until_answered(s);
	if (rc == -EINPROGRESS)
		return rc;
	d->waiting = d->stepping = false;
	if (rc == -ECANCELED)
		d->overdue++;
	return rc;
}

/* Nobody else takes part in it: what is under the lock elsewhere is this thread's alone. */
static int by_stepping(struct vu_server *s, const struct vu_dma_access *a, void *data, bool write)
{
	struct vu_dma_call *d = &s->dma_call;
	int rc;

	if (atomic_load(&s->stopping))
		return -ECANCELED;
	rc = d->stepping || d->out.len ? -EBUSY : put_out(d, a, data, write); /* one may still be leaving */
	if (rc)
		return rc;
	d->into = data;
	d->len = a->count;
	d->result = 1;
	d->waiting = d->stepping = true;
	d->deadline = answer_deadline(s);
	if (s->num_later)
		vu_server_flush(s); /* an error is noticed where the connection is read from */
	return vu_server_dma_resume(s);
}

static int by_main(struct vu_server *s, const struct vu_dma_access *a, void *data, bool write)
{
	struct vu_dma_call *d = &s->dma_call;
	int64_t end = answer_deadline(s);
	int rc;
	SCOPED_LOCK(&d->lock);

	rc = await(d, outbox_empty, end); /* a cancelled one may still be leaving */
	if (!rc && !vu_server_has_client(s)) /* it left: abort has passed, or will not wait for us */
		rc = -ENOTCONN;
	if (!rc)
		rc = put_out(d, a, data, write);
	if (rc)
		return rc;
	d->into = data;
	d->len = a->count;
	d->result = 1;
	d->waiting = true;
	eventfd_write(s->wake, 1);
	rc = await(d, answered, end);
	d->waiting = false;
	if (rc || d->result == -ECANCELED)
		d->overdue++;
	return rc ? rc : d->result;
}

int vu_dma_message_answered(struct vu_server *s, struct vu_inbox *in)
{
	struct vu_dma_call *d = &s->dma_call;
	SCOPED_LOCK(&d->lock);

	if (d->overdue && (!d->waiting || in->head.id != d->id)) {
		d->overdue--;
		return 0;
	}
	if (!d->waiting || d->result != 1)
		return -EPROTO;
	d->result = judge(in, d->id, d->command, d->into, d->len);
	pthread_cond_broadcast(&d->changed);
	return d->result == -EPROTO ? -EPROTO : 0;
}

void vu_server_dma_cancel(struct vu_server *s)
{
	struct vu_dma_call *d = &s->dma_call;
	SCOPED_LOCK(&d->lock);

	if (!d->waiting || d->result != 1)
		return;
	d->result = -ECANCELED;
	eventfd_write(d->cancel, 1);
	pthread_cond_broadcast(&d->changed);
}

/* The client is about to be dropped. A sender on the twin is thrown out of its wait first. */
void vu_dma_message_abort(struct vu_server *s)
{
	struct vu_dma_call *d = &s->dma_call;

	if (s->twin >= 0)
		shutdown(s->twin, SHUT_RDWR);
	pthread_mutex_lock(&d->lock);
	if (d->waiting && d->result == 1)
		d->result = -ENOTCONN;
	d->out.len = d->out.sent = 0;
	d->overdue = 0;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (d->stepping)
		return; /* the sender is who drops the client */
	/* The twin is closed after this: wait for a sender to be through with it. */
	pthread_mutex_lock(&d->turn);
	pthread_mutex_unlock(&d->turn);
}

int vu_dma_message(struct vu_server *s, uint64_t iova, void *data, size_t len, bool write)
{
	const struct vu_dma_access a = { iova, len };
	SCOPED_LOCK(&s->dma_call.turn);

	if (atomic_load(&s->running) && pthread_equal(s->thread, pthread_self()))
		return -EDEADLK;
	if (!vu_server_has_client(s))
		return -ENOTCONN;
	if (s->twin >= 0)
		return by_twin(s, &a, data, write);
	return s->stepped ? by_stepping(s, &a, data, write) : by_main(s, &a, data, write);
}
