/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers that are polled for a client: the first look is the dispatch thread's, and those that go on are
 * one thread's, which takes them in turn, so that any number of them costs one thread. A look is a register
 * read; none goes on longer than the caller's time, and all can be cancelled between two looks.
 */
#include "rpc/server/session.h"

#include <sched.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "rpc/server/buffers.h"

#define OUT_MAX 1024u

struct poll_job {
	struct work w; /* first: freed as what it is */
	struct poll_job *next;
	struct wire_head head;
	uint32_t region;
	uint64_t offset, mask, expected, last;
	int64_t interval, deadline, due;
	bool cancelled; /* guarded by the lock of struct session_polls */
};

static int64_t us_to_ns(uint64_t us)
{
	return us > (uint64_t)INT64_MAX / NS_PER_US ? INT64_MAX : (int64_t)us * NS_PER_US;
}

static bool job_read(struct poll_job *j, struct request *q)
{
	uint64_t interval, timeout;
	int64_t budget = (int64_t)q->head.budget * NS_PER_MS;

	j->region = wire_get_u32(&q->in);
	j->offset = wire_get_u64(&q->in);
	j->mask = wire_get_u64(&q->in);
	j->expected = wire_get_u64(&q->in);
	interval = wire_get_u64(&q->in);
	timeout = wire_get_u64(&q->in);
	j->interval = us_to_ns(interval);
	j->deadline = us_to_ns(timeout);
	if (budget && budget < j->deadline)
		j->deadline = budget;
	j->deadline = clock_deadline(j->deadline);
	return !q->in.bad;
}

/* One look. True: it has ended, with *r, and *equal when that is FPGA_OK. */
static bool look(struct rpc_session *s, struct poll_job *j, fpga_result *r, bool *equal)
{
	int64_t now;

	*r = s->table->fpgaReadMMIO64(j->w.h->handle, j->region, j->offset, &j->last);
	*equal = *r == FPGA_OK && (j->last & j->mask) == j->expected;
	now = clock_now_ns();
	if (*r != FPGA_OK || *equal || now >= j->deadline)
		return true;
	if (__builtin_add_overflow(now, j->interval, &j->due) || j->due > j->deadline)
		j->due = j->deadline;
	return false;
}

static void put_result(struct request *q, const struct poll_job *j, bool equal)
{
	buffers_tell(j->w.h->buffers);
	wire_put_u32(&q->out, equal);
	wire_put_u64(&q->out, j->last);
}

/* ---- the thread ---- */

static void finish(struct rpc_session *s, struct poll_job *j, fpga_result r, bool equal, bool cancelled)
{
	unsigned char out[OUT_MAX];
	struct request q;

	request_init(s, &q, &j->head, NULL, 0, out, sizeof(out));
	if (cancelled)
		r = request_fail(&q, FPGA_INVALID_PARAM, "POLL: the handle was closed meanwhile");
	else if (r == FPGA_OK)
		put_result(&q, j, equal);
	session_finished(s, &j->w);
	request_reply(s, &q, r);
}

static int64_t due(const struct poll_job *j)
{
	return j->cancelled ? 0 : j->due;
}

/* Where the one is linked that is due first. Under the lock. */
static struct poll_job **first_due(struct session_polls *p)
{
	struct poll_job **first = &p->list;

	for (struct poll_job **at = &p->list; *at; at = &(*at)->next)
		if (due(*at) < due(*first))
			first = at;
	return first;
}

/* Looks at the one that is due first, which is. Called and left with the lock held, which it gives back. */
static void turn(struct rpc_session *s, struct session_polls *p)
{
	struct poll_job **at = first_due(p), *j = *at;
	bool ended, equal = false, cancelled = j->cancelled;
	fpga_result r = FPGA_OK;

	*at = j->next;
	p->current = j;
	pthread_mutex_unlock(&p->lock);
	ended = cancelled || look(s, j, &r, &equal);
	pthread_mutex_lock(&p->lock);
	p->current = NULL;
	if (!ended) { /* behind those that are due at the same time */
		for (at = &p->list; *at; at = &(*at)->next)
			;
		j->next = NULL;
		*at = j;
		return;
	}
	pthread_mutex_unlock(&p->lock);
	finish(s, j, r, equal, cancelled);
	pthread_mutex_lock(&p->lock);
}

static void *run(void *arg)
{
	struct rpc_session *s = arg;
	struct session_polls *p = &s->polls;
	SCOPED_LOCK(&p->lock);

	while (!p->stop) {
		struct poll_job *j = *first_due(p);

		if (!j) {
			pthread_cond_wait(&p->cond, &p->lock);
		} else if (due(j) > clock_now_ns()) {
			session_cond_wait(&p->cond, &p->lock, due(j));
		} else {
			bool spins = !j->interval;

			turn(s, p);
			if (spins) {
				pthread_mutex_unlock(&p->lock);
				sched_yield();
				pthread_mutex_lock(&p->lock);
			}
		}
	}
	return NULL;
}

static fpga_result add(struct rpc_session *s, struct poll_job *j)
{
	struct session_polls *p = &s->polls;
	SCOPED_LOCK(&p->lock);

	if (s->threads && !p->started) {
		if (thread_start(&p->thread, NULL, run, s))
			return FPGA_NO_MEMORY;
		p->started = true;
	}
	j->next = p->list;
	p->list = j;
	pthread_cond_signal(&p->cond);
	return FPGA_OK;
}

fpga_result polls_begin(struct rpc_session *s, struct request *q, bool *later)
{
	struct poll_job first = { .w = { .s = s, .h = q->handle }, .head = q->head }, *j;
	bool equal;
	fpga_result r;

	if (!job_read(&first, q))
		return request_bad(q);
	if (look(s, &first, &r, &equal)) {
		if (r == FPGA_OK)
			put_result(q, &first, equal);
		return r;
	}
	j = malloc(sizeof(*j));
	if (!j)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a call");
	*j = first;
	r = add(s, j);
	if (r != FPGA_OK) {
		free(j);
		return request_fail(q, r, "no thread to poll on");
	}
	*later = true;
	s->under_way++;
	q->handle->polls++;
	return FPGA_OK;
}

void polls_cancel(struct rpc_session *s, const struct session_handle *h)
{
	struct session_polls *p = &s->polls;
	SCOPED_LOCK(&p->lock);

	for (struct poll_job *j = p->list; j; j = j->next)
		j->cancelled |= j->w.h == h;
	if (p->current && p->current->w.h == h)
		p->current->cancelled = true;
	pthread_cond_signal(&p->cond);
}

void polls_turn(struct rpc_session *s)
{
	struct session_polls *p = &s->polls;
	uint32_t num = 0;
	SCOPED_LOCK(&p->lock);

	for (const struct poll_job *j = p->list; j; j = j->next)
		num++;
	for (; num && due(*first_due(p)) <= clock_now_ns(); num--)
		turn(s, p);
}

/* ---- life ---- */

void polls_init(struct rpc_session *s)
{
	pthread_mutex_init(&s->polls.lock, NULL);
	session_cond_init(&s->polls.cond);
}

void polls_done(struct rpc_session *s)
{
	struct session_polls *p = &s->polls;

	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
	if (p->started)
		pthread_join(p->thread, NULL);
	while (p->list) {
		struct poll_job *j = p->list;

		p->list = j->next;
		free(j);
	}
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->lock);
}
