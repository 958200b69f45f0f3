/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread that enumerates: it serves ENUMERATE, and looks for objects that a request names and the session
 * does not know. From the first ENUMERATE on it looks for changes as well, when something is known to have
 * happened and every LOOK_NS, and tells the client of them. So dispatch waits for none of these. However
 * often something changed between two looks, the client hears of it once; and between two there are REST_NS,
 * so that who opens and closes without a pause, or names what is not there, keeps no session busy. One look
 * is for all that was unknown when it began.
 */
#include "rpc/server/session.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "wire/props.h"

#define LOOK_NS (5 * NS_PER_S)
#define REST_NS (100 * NS_PER_MS)
#define CHANGE_MAX 1024u

void changes_tell(struct rpc_session *s, const struct listing *l, unsigned int kinds)
{
	unsigned char body[CHANGE_MAX];
	struct wire_writer w;

	for (uint32_t i = 0; i < l->num; i++) {
		const struct listed *o = &l->at[i];

		if (!(kinds & 1u << o->what))
			continue;
		wire_writer_init(&w, body, sizeof(body), wire_op_info(WIRE_CHANGED)->reply);
		wire_put_u32(&w, (uint32_t)o->what);
		wire_put_u64(&w, o->parent);
		wire_put_props(&w, &o->props);
		if (session_push(s, WIRE_CHANGED, o->id, body, w.len, NULL, 0))
			return; /* the link is broken */
	}
}

static bool has_listed(struct rpc_session *s)
{
	SCOPED_LOCK(&s->lister.lock);

	return s->lister.listed;
}

void lister_listed(struct rpc_session *s)
{
	SCOPED_LOCK(&s->lister.lock);

	s->lister.listed = true;
}

void lister_look_now(struct rpc_session *s)
{
	struct listing l;

	if (tokens_look(s, NULL, 0, &l) != FPGA_OK)
		return;
	if (has_listed(s))
		changes_tell(s, &l, CHANGES_ALL);
	free(l.at);
}

/* ---- the thread ---- */

static void serve_listed(struct rpc_session *s, struct work *w)
{
	unsigned char out[WIRE_FRAME_MIN];
	struct request q;
	fpga_result r;

	request_init(s, &q, &w->d->head, w->d->body, w->d->len, out, sizeof(out));
	r = request_carry_out(s, &q);
	session_finished(s, w);
	request_reply(s, &q, r);
}

/* Under the lock: when to look for changes. */
static int64_t look_at(const struct session_lister *l, int64_t rested, int64_t due)
{
	return l->look || l->unknown ? rested : l->listed ? due : INT64_MAX;
}

/*
 * False: it is to stop. *w is the next to serve; or NULL, and a look is due (when it is wanted, but not
 * before `rested`), for which *unknown wait.
 */
static bool next_work(struct session_lister *l, int64_t rested, int64_t due, struct work **w,
		      struct work **unknown)
{
	SCOPED_LOCK(&l->lock);

	while (!l->stop && !l->queue && clock_now_ns() < look_at(l, rested, due))
		session_cond_wait(&l->cond, &l->lock, look_at(l, rested, due));
	*w = l->queue;
	*unknown = NULL;
	if (l->stop)
		return false;
	if (*w) {
		l->queue = (*w)->next;
	} else {
		*unknown = l->unknown;
		l->unknown = NULL;
		l->look = false;
	}
	return true;
}

static void hand_back(struct rpc_session *s, struct work *list)
{
	struct work *next;

	for (struct work *w = list; w; w = next) {
		next = w->next;
		session_finished(s, w);
	}
}

static void *run(void *arg)
{
	struct rpc_session *s = arg;
	int64_t rested = 0, due = clock_deadline(LOOK_NS);
	struct work *w, *unknown;

	while (next_work(&s->lister, rested, due, &w, &unknown)) {
		if (w) {
			serve_listed(s, w);
			continue;
		}
		lister_look_now(s);
		rested = clock_deadline(REST_NS);
		due = clock_deadline(LOOK_NS);
		hand_back(s, unknown);
	}
	return NULL;
}

void lister_init(struct rpc_session *s)
{
	pthread_mutex_init(&s->lister.lock, NULL);
	session_cond_init(&s->lister.cond);
}

/* Under the lock. */
static fpga_result enqueue(struct rpc_session *s, struct work *w)
{
	struct session_lister *l = &s->lister;
	struct work **end = w->again ? &l->unknown : &l->queue;

	if (!l->started && thread_start(&l->thread, NULL, run, s))
		return FPGA_NO_MEMORY;
	l->started = true;
	while (*end)
		end = &(*end)->next;
	*end = w;
	pthread_cond_signal(&l->cond);
	return FPGA_OK;
}

fpga_result lister_enqueue(struct rpc_session *s, struct request *q)
{
	struct work *w = work_new(s, q);
	fpga_result r;

	if (!w)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a call");
	w->again = q->head.op != WIRE_ENUMERATE;
	pthread_mutex_lock(&s->lister.lock);
	r = enqueue(s, w);
	pthread_mutex_unlock(&s->lister.lock);
	if (r != FPGA_OK) {
		work_free(w);
		return request_fail(q, r, "no thread to enumerate on");
	}
	s->under_way++;
	return FPGA_OK;
}

void lister_look(struct rpc_session *s)
{
	SCOPED_LOCK(&s->lister.lock);

	s->lister.look = s->lister.listed;
	pthread_cond_signal(&s->lister.cond);
}

void lister_turn(struct rpc_session *s)
{
	bool due;

	pthread_mutex_lock(&s->lister.lock);
	due = s->lister.look;
	s->lister.look = false;
	pthread_mutex_unlock(&s->lister.lock);
	if (due)
		lister_look_now(s);
}

static void free_all(struct work *list)
{
	struct work *next;

	for (struct work *w = list; w; w = next) {
		next = w->next;
		work_free(w);
	}
}

void lister_done(struct rpc_session *s)
{
	struct session_lister *l = &s->lister;

	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->cond);
	pthread_mutex_unlock(&l->lock);
	if (l->started)
		pthread_join(l->thread, NULL);
	free_all(l->queue);
	free_all(l->unknown);
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
}
