/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What does not end at once. A LONG call has a thread of its own and its handle to itself: requests for the
 * handle that come meanwhile wait in its queue, in their order. A CLOSE waits for the handle's polls, too,
 * which it cancels, and for the CLOSE of handles whose devices have its buffers. When a piece of work has
 * ended the dispatch thread carries on with the queue. Behind a CLOSE that is what finds no handle any more,
 * and an OPEN of the same object.
 *
 * Without memory or a thread for it a LONG call is carried out by the dispatch thread: slow, but not wrong.
 */
#include "rpc/server/session.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/thread.h"
#include "rpc/server/buffers.h"

#define OUT_MAX 1024u		/* a LONG call's reply, or its reason */
#define ROOM_NS (60 * NS_PER_S) /* longer no LONG call takes */
#define ROOM_MS 100		/* between two looks at whether the session was stopped */

bool handle_held_up(struct rpc_session *s, struct session_handle *h, uint16_t op)
{
	if (h->busy || h->queue)
		return true;
	if (op != WIRE_CLOSE)
		return false;
	if (h->polls)
		polls_cancel(s, h);
	return h->polls || buffers_leaving(h->buffers);
}

fpga_result handle_enqueue(struct rpc_session *s, struct session_handle *h, struct request *q)
{
	struct deferred **end = &h->queue, *d = request_defer(q);

	if (!d)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a request that has to wait");
	while (*end)
		end = &(*end)->next;
	*end = d;
	s->under_way++;
	return FPGA_OK;
}

fpga_result handle_make_room(struct rpc_session *s, struct request *q)
{
	int64_t until = clock_deadline(ROOM_NS);

	while (s->under_way >= s->max_calls && handle_held_up(s, q->handle, q->head.op)) {
		struct pollfd p = { .fd = s->wake, .events = POLLIN };

		/* who steps a session has nobody to wait for */
		if (!s->threads || atomic_load(&s->stopped) || clock_now_ns() >= until)
			return request_too_many(s, q);
		sys_poll(&p, 1, ROOM_MS);
		session_chores(s);
		q->handle = session_handle(s, q->head.object);
		if (!q->handle)
			return request_fail(q, FPGA_INVALID_PARAM, "its handle has been closed meanwhile");
	}
	return FPGA_OK;
}

/* Carries out what waited for the handle of this id, as far as that is free, or gone. */
static void drain(struct rpc_session *s, uint64_t id, struct deferred *list)
{
	for (struct deferred *d = list; d; d = list) {
		struct rpc_frame f = { .head = d->head, .body = d->body, .body_len = d->len };
		struct session_handle *h = session_handle(s, id); /* a CLOSE may have been among them */

		if (h && handle_held_up(s, h, d->head.op)) {
			h->queue = list;
			return;
		}
		list = d->next;
		s->under_way--;
		session_request(s, &f, false);
		free(d);
	}
}

void handle_drain(struct rpc_session *s, struct session_handle *h)
{
	struct deferred *list = h->queue;

	h->queue = NULL;
	drain(s, h->id, list);
}

void deferred_free_all(struct deferred *list)
{
	while (list) {
		struct deferred *next = list->next;

		free(list);
		list = next;
	}
}

/* ---- LONG calls ---- */

static void *run(void *arg)
{
	struct work *w = arg;
	struct rpc_session *s = w->s;
	unsigned char out[OUT_MAX];
	struct request q;
	fpga_result r;

	request_init(s, &q, &w->d->head, w->d->body, w->d->len, out, sizeof(out));
	q.handle = w->h;
	q.token = w->token;
	r = w->result = request_carry_out(s, &q);
	session_finished(s, w); /* who joins this thread waits for the reply, too */
	request_reply(s, &q, r);
	return NULL;
}

static bool start(struct rpc_session *s, const struct request *q)
{
	struct work *w = s->threads ? work_new(s, q) : NULL;

	if (!w)
		return false;
	w->h = q->handle;
	w->token = q->token;
	w->is_long = true;
	if (thread_start(&w->thread, NULL, run, w)) {
		work_free(w);
		return false;
	}
	q->handle->busy = w;
	s->under_way++;
	s->num_long++;
	return true;
}

/* What follows; the handle may be gone then. */
static void ended(struct rpc_session *s, struct session_handle *h, uint16_t op, fpga_result r)
{
	uint64_t token = h->token;

	if (op == WIRE_OPEN)
		handle_opened(s, h, r);
	else if (op == WIRE_CLOSE)
		handle_closed(s, h);
	if (op != WIRE_CLOCK_SET && (op != WIRE_OPEN || r == FPGA_OK))
		session_changed(s, token);
}

fpga_result long_begin(struct rpc_session *s, struct request *q, bool *later)
{
	fpga_result r = q->head.op == WIRE_OPEN ? handle_reserve(s, q) : FPGA_OK;

	if (r != FPGA_OK)
		return r;
	if (q->head.op == WIRE_CLOSE)
		handle_closing(s, q->handle);
	*later = start(s, q);
	if (*later)
		return FPGA_OK;
	r = request_carry_out(s, q);
	ended(s, q->handle, q->head.op, r);
	if (q->head.op == WIRE_OPEN || q->head.op == WIRE_CLOSE)
		q->handle = NULL;
	return r;
}

/* Other handles' CLOSE may have waited for this one. */
static void drain_all(struct rpc_session *s)
{
	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i] && s->handles[i]->queue && !s->handles[i]->busy)
			handle_drain(s, s->handles[i]);
}

void long_reap(struct rpc_session *s, struct work *w)
{
	struct session_handle *h = w->h;
	struct deferred *list = h->queue;
	uint64_t id = h->id;

	pthread_join(w->thread, NULL);
	s->num_long--;
	h->busy = NULL;
	h->queue = NULL;
	ended(s, h, w->d->head.op, w->result);
	drain(s, id, list);
	if (w->d->head.op == WIRE_CLOSE)
		drain_all(s);
}

struct work *work_new(struct rpc_session *s, const struct request *q)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
	w->begun = q->begun ? q->begun : clock_now_ns();
	w->d = request_defer(q);
	if (w->d)
		return w;
	free(w);
	return NULL;
}

void work_free(struct work *w)
{
	free(w->d);
	free(w);
}
