/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What does not end at once. A LONG call has a thread of its own and its handle to itself: requests for the
 * handle that come meanwhile wait in its queue, in their order. A CLOSE waits for the handle's polls, too,
 * which it cancels. When a piece of work has ended the dispatch thread carries on with the queue.
 */
#include "rpc/server/session.h"

#include <stdlib.h>

#include "base/thread.h"

#define OUT_MAX 1024u /* a LONG call's reply, or its reason */

bool handle_held_up(struct rpc_session *s, struct session_handle *h, uint16_t op)
{
	if (h->busy || h->queue)
		return true;
	if (op != WIRE_CLOSE || !h->polls)
		return false;
	polls_cancel(s, h);
	return true;
}

fpga_result handle_enqueue(struct rpc_session *s, struct request *q)
{
	struct deferred **end = &q->handle->queue, *d = request_defer(q);

	if (!d)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a request that has to wait");
	while (*end)
		end = &(*end)->next;
	*end = d;
	s->under_way++;
	return FPGA_OK;
}

void handle_drain(struct rpc_session *s, struct session_handle *h)
{
	uint64_t id = h->id;
	struct deferred *list = h->queue, *d;

	h->queue = NULL;
	for (d = list; d; d = list) {
		struct rpc_frame f = { .head = d->head, .body = d->body, .body_len = d->len };

		h = session_handle(s, id); /* a CLOSE may have been among them */
		if (h && handle_held_up(s, h, d->head.op)) {
			h->queue = list;
			return;
		}
		list = d->next;
		s->under_way--;
		session_request(s, &f);
		free(d);
	}
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
	r = request_carry_out(s, &q);
	session_finished(s, w); /* who joins this thread waits for the reply, too */
	request_reply(s, &q, r);
	return NULL;
}

fpga_result long_start(struct rpc_session *s, struct request *q)
{
	struct work *w = work_new(s, q);

	if (!w)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a call");
	w->h = q->handle;
	w->is_long = true;
	if (thread_start(&w->thread, NULL, run, w)) {
		work_free(w);
		return request_fail(q, FPGA_NO_MEMORY, "no thread for a call that takes long");
	}
	q->handle->busy = w;
	s->under_way++;
	return FPGA_OK;
}

void long_ended(struct rpc_session *s, const struct session_handle *h, uint16_t op)
{
	if (op != WIRE_CLOCK_SET)
		session_changed(s, h->token);
}

struct work *work_new(struct rpc_session *s, const struct request *q)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
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
