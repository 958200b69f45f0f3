/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading: what the transport has is taken in pieces of up to LOOK bytes, so that one receive brings a short
 * frame, or several. Of a bulk frame whose bytes have a place of their own only what came along with its head
 * is copied there; the rest is received in place, together with the head of what follows.
 */
#include "rpc/link.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define LOOK 4608u /* bytes: a page of 4096 and the frames around it */
#define SPINS_PER_CLOCK 8
#define LONG_WAITS 4	 /* after so many, each longer than it may spin, a wait sleeps at once */
#define PLACE_MIN 2048u /* shorter bytes are copied sooner than placed */

int rpc_link_init(struct rpc_link *l, struct transport *t)
{
	*l = (struct rpc_link){ .t = t, .peer_max = WIRE_FRAME_MIN };
	l->in = malloc(WIRE_FRAME_MAX);
	if (!l->in) {
		transport_free(t);
		l->t = NULL;
		return -ENOMEM;
	}
	pthread_mutex_init(&l->send_lock, NULL);
	return 0;
}

void rpc_link_done(struct rpc_link *l)
{
	if (!l->t)
		return;
	transport_free(l->t);
	l->t = NULL;
	free(l->in);
	l->in = NULL;
	pthread_mutex_destroy(&l->send_lock);
}

void rpc_link_break(struct rpc_link *l, int rc)
{
	int fine = 0;

	if (atomic_compare_exchange_strong(&l->broken, &fine, rc))
		l->t->ops->shutdown(l->t);
}

/* ---- sending ---- */

/*
 * Who hangs up on the first frame may have said why in a word of TLS's, which then waits to be received.
 * Later there may be another thread that receives.
 */
static int why_gone(struct rpc_link *l)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	ssize_t n = atomic_load(&l->heard) ? -EPIPE : l->t->ops->recv(l->t, &iov, 1);

	return n < 0 && n != -EAGAIN ? (int)n : -EPIPE;
}

/* Each frame's head begins with its size, and lies in one piece. */
static void measure(const struct iovec *iov, int iovs, uint64_t *frames, uint64_t *bytes)
{
	size_t head = 0; /* where the next one is, from the beginning of this piece */

	for (int i = 0; i < iovs; i++) {
		while (head + sizeof(uint32_t) <= iov[i].iov_len) {
			head += bytes_get32((const unsigned char *)iov[i].iov_base + head);
			++*frames;
		}
		head = head > iov[i].iov_len ? head - iov[i].iov_len : 0;
		*bytes += iov[i].iov_len;
	}
}

int rpc_link_send_iov(struct rpc_link *l, struct iovec *iov, int iovs, int64_t deadline)
{
	uint64_t frames = 0, bytes = 0;
	int rc;
	SCOPED_LOCK(&l->send_lock);

	rc = atomic_load_explicit(&l->broken, memory_order_relaxed);
	if (rc)
		return rc;
	if (l->counts)
		measure(iov, iovs, &frames, &bytes);
	rc = transport_send_all_or(l->t, iov, iovs, deadline, l->stuck, l->stuck_ctx);
	if (rc == -EPIPE)
		rc = why_gone(l);
	if (rc) /* half a frame may be on its way */
		rpc_link_break(l, rc);
	if (rc || !l->counts)
		return rc;
	counts_add(l->counts, RPC_FRAMES_OUT, frames);
	counts_add(l->counts, RPC_BYTES_OUT, bytes);
	return 0;
}

int rpc_link_send(struct rpc_link *l, struct wire_head *head, const void *body, size_t body_len,
		  const void *data, size_t data_len, int64_t deadline)
{
	unsigned char first[WIRE_HEAD + RPC_SHORT]; /* the kernel takes one piece sooner than two */
	struct iovec iov[3] = { { first, WIRE_HEAD } };
	int iovs = 1;

	if (data_len > l->peer_max - WIRE_HEAD || body_len > l->peer_max - WIRE_HEAD - data_len)
		return -EMSGSIZE;
	head->size = (uint32_t)(WIRE_HEAD + body_len + data_len);
	wire_head_write(first, head);
	if (body_len <= RPC_SHORT) {
		memcpy(first + WIRE_HEAD, body ? body : "", body_len);
		iov[0].iov_len += body_len;
	} else {
		memcpy(&iov[iovs].iov_base, &body, sizeof(body));
		iov[iovs++].iov_len = body_len;
	}
	if (data_len) {
		memcpy(&iov[iovs].iov_base, &data, sizeof(data));
		iov[iovs++].iov_len = data_len;
	}
	return rpc_link_send_iov(l, iov, iovs, deadline);
}

bool rpc_link_has_room(const struct rpc_link *l, int ms)
{
	return transport_has_room(l->t, ms);
}

/* ---- receiving ---- */

/* Bytes of the body before the data of a bulk frame; 0: none is. */
static size_t fixed_part(const struct wire_head *h)
{
	bool reply = h->flags & WIRE_REPLY;

	if ((h->op == WIRE_PUSH && !reply) || (h->op == WIRE_DATA && h->flags & WIRE_ONE_WAY))
		return 20;
	return h->op == WIRE_PULL && reply && !h->budget ? 4 : 0;
}

/* Bytes of the frame that are in the buffer, or shall be. */
static size_t buffered(const struct rpc_link *l)
{
	return l->place ? l->head.head + l->fixed : l->head.size;
}

/* Makes room for `want` bytes behind start. */
static void make_room(struct rpc_link *l, size_t want)
{
	if (l->start == l->end)
		l->start = l->end = 0;
	if (WIRE_FRAME_MAX - l->start >= want)
		return;
	memmove(l->in, l->in + l->start, l->end - l->start);
	l->end -= l->start;
	l->start = 0;
}

/* Receives at least a byte; up to `want` more are needed. */
static int receive(struct rpc_link *l, size_t want)
{
	struct iovec iov[2];
	int iovs = 0;
	ssize_t n;

	if (l->place && l->placed < l->place_len) {
		iov[iovs++] = (struct iovec){ l->place + l->placed, l->place_len - l->placed };
		want = LOOK;
	} else if (want < LOOK) {
		want = LOOK;
	}
	if (want > WIRE_FRAME_MAX - l->end)
		want = WIRE_FRAME_MAX - l->end;
	if (want)
		iov[iovs++] = (struct iovec){ l->in + l->end, want };
	n = l->t->ops->recv(l->t, iov, iovs);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	atomic_store_explicit(&l->heard, true, memory_order_relaxed);
	if (l->place && l->placed < l->place_len) {
		size_t here = l->place_len - l->placed;

		here = here < (size_t)n ? here : (size_t)n;
		l->placed += here;
		n -= (ssize_t)here;
	}
	l->end += (size_t)n;
	return 1;
}

/* Asks for a place for the bytes of a bulk frame, and moves there what has come of them. */
static void ask_sink(struct rpc_link *l)
{
	const unsigned char *body = l->in + l->start + l->head.head;
	size_t fixed = fixed_part(&l->head), come = l->end - l->start - l->head.head, len;

	l->fixed = 0; /* asked */
	if (!fixed || l->head.size - l->head.head < fixed)
		return;
	len = bytes_get32(body + fixed - 4);
	if (len != l->head.size - l->head.head - fixed || len < PLACE_MIN || come >= fixed + len)
		return;
	l->place = l->sink ? l->sink(l->sink_ctx, &l->head, body, fixed, len) : NULL;
	if (!l->place)
		return;
	l->fixed = fixed;
	l->place_len = len;
	l->placed = come - fixed;
	memcpy(l->place, body + fixed, l->placed);
	l->end -= l->placed;
}

/* What is known of the frame so far; bytes that are still missing from the buffer, or a negative errno. */
static ssize_t missing(struct rpc_link *l)
{
	size_t here = l->end - l->start;
	int rc;

	if (!l->have_head) {
		if (here < WIRE_HEAD)
			return (ssize_t)(WIRE_HEAD - here);
		rc = wire_head_read(l->in + l->start, WIRE_FRAME_MAX, &l->head);
		if (rc)
			return rc;
		l->have_head = true;
		l->fixed = SIZE_MAX; /* not asked */
	}
	if (l->fixed == SIZE_MAX) {
		size_t fixed = fixed_part(&l->head);

		if (here < l->head.head + fixed && here < l->head.size)
			return (ssize_t)(l->head.head + fixed - here);
		ask_sink(l);
		here = l->end - l->start;
	}
	return here < buffered(l) ? (ssize_t)(buffered(l) - here) : 0;
}

static void finish(struct rpc_link *l, struct rpc_frame *f)
{
	*f = (struct rpc_frame){ .head = l->head, .body = l->in + l->start + l->head.head };
	f->body_len = buffered(l) - l->head.head;
	f->placed = l->place;
	f->placed_len = l->place ? l->place_len : 0;
	l->start += buffered(l);
	l->have_head = false;
	l->place = NULL;
	if (!l->counts)
		return;
	counts_add(l->counts, RPC_FRAMES_IN, 1);
	counts_add(l->counts, RPC_BYTES_IN, l->head.size);
}

int rpc_link_read(struct rpc_link *l, struct rpc_frame *f)
{
	for (;;) {
		ssize_t want = missing(l);
		int rc = (int)want;

		if (!want && (!l->place || l->placed == l->place_len)) {
			finish(l, f);
			return 1;
		}
		if (want >= 0) {
			make_room(l, (size_t)want + (l->end - l->start));
			rc = receive(l, (size_t)want);
			if (!rc)
				return atomic_load(&l->broken);
		}
		if (rc < 0) {
			rpc_link_break(l, rc);
			return atomic_load(&l->broken);
		}
	}
}

int rpc_link_read_rest(struct rpc_link *l, struct rpc_frame *f)
{
	ssize_t want = l->start == l->end && !l->have_head ? 1 : missing(l);

	if (want < 0) {
		rpc_link_break(l, (int)want);
		return atomic_load(&l->broken);
	}
	if (want || (l->place && l->placed < l->place_len))
		return 0;
	finish(l, f);
	return 1;
}

int rpc_link_next(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline)
{
	return rpc_link_next_or_wake(l, f, spin_ns, deadline, -1);
}

/* A frame came, after a wait that began at `from`: would it have been worth to spin for it? */
static void note_wait(struct rpc_link *l, bool slept, int64_t from, int64_t spin_ns)
{
	if (!slept || clock_now_ns() - from <= spin_ns)
		l->long_waits = 0;
	else if (l->long_waits < LONG_WAITS)
		l->long_waits++;
}

int rpc_link_next_or_wake(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline,
			  int wake_fd)
{
	return rpc_link_next_from(l, f, spin_ns, deadline, wake_fd, clock_now_ns());
}

int rpc_link_next_from(struct rpc_link *l, struct rpc_frame *f, int64_t spin_ns, int64_t deadline,
		       int wake_fd, int64_t from)
{
	bool spinning = spin_ns > 0 && l->long_waits < LONG_WAITS, slept = false;

	for (unsigned int i = 1;; i++) {
		int rc = rpc_link_read(l, f);

		if (rc > 0)
			note_wait(l, slept, from, spin_ns);
		if (rc)
			return rc > 0 ? 0 : rc;
		if (spinning) {
			if (i % SPINS_PER_CLOCK)
				continue;
			spinning = clock_now_ns() - from < spin_ns;
			sched_yield(); /* the other end may be waiting for this very core */
			continue;
		}
		slept = true;
		rc = transport_wait_or_wake(l->t, 0, deadline, wake_fd);
		if (rc && rc != -ETIMEDOUT && rc != -EINTR)
			rpc_link_break(l, rc);
		if (rc)
			return rc;
	}
}
