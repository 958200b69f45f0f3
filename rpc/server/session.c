/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a session: made, served on one thread, ended. See session.h for its threads. What other
 * threads want of the dispatch thread they leave in the session, set `chores`, and write to `wake`.
 *
 * The order of the end: no more work is begun; work under way is cancelled or waited for; devices are
 * quiesced; only then what hangs on the handles is given back (handles.c).
 */
#include "rpc/server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "rpc/server/buffers.h"
#include "rpc/server/events.h"

#define HELLO_NS (10 * NS_PER_S)
#define SPIN_NS (50 * NS_PER_US)
#define HANDLES_MAX 64u
#define OBJECTS_MAX 1024u
#define PINNED_MAX (UINT64_C(1) << 30)

const struct rpc_served *session_served(const struct rpc_session *s)
{
	return s->served;
}

const struct rpc_session_options *session_options(const struct rpc_session *s)
{
	return &s->options;
}

struct rpc_link *session_link(struct rpc_session *s)
{
	return &s->link;
}

struct session_events *session_events(struct rpc_session *s)
{
	return s->events;
}

void **session_objects(struct rpc_session *s)
{
	return &s->objects;
}

struct rpc_counts *session_counts(struct rpc_session *s)
{
	return s->counts;
}

atomic_uint_fast64_t *session_pinned(struct rpc_session *s)
{
	return &s->pinned;
}

atomic_uint_fast64_t *session_watched(struct rpc_session *s)
{
	return &s->watched;
}

void session_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void session_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	struct timespec ts = { .tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S };

	pthread_cond_timedwait(cond, lock, &ts);
}

/* ---- between threads ---- */

int session_break(struct rpc_session *s, int rc, const char *fmt, ...)
{
	va_list ap;
	SCOPED_LOCK(&s->info_lock);

	if (!s->why[0]) {
		va_start(ap, fmt);
		vsnprintf(s->why, sizeof(s->why), fmt, ap);
		va_end(ap);
	}
	rpc_link_break(&s->link, rc);
	return rc;
}

void session_wake(struct rpc_session *s)
{
	if (!atomic_exchange(&s->chores, true))
		eventfd_write(s->wake, 1);
}

void session_finished(struct rpc_session *s, struct work *w)
{
	pthread_mutex_lock(&s->finished_lock);
	w->next = s->finished;
	s->finished = w;
	pthread_mutex_unlock(&s->finished_lock);
	session_wake(s);
}

static struct work *take_finished(struct rpc_session *s)
{
	struct work *w;
	SCOPED_LOCK(&s->finished_lock);

	w = s->finished;
	s->finished = NULL;
	return w;
}

/* A piece of work has ended; its thread has at most its reply to send. */
static void reap(struct rpc_session *s, struct work *w)
{
	struct session_handle *h = w->h;

	s->under_way--;
	if (w->is_long || !(h || w->again))
		counts_time(s->counts, w->is_long ? RPC_CLASS_MANAGE : RPC_CLASS_OTHER,
			    clock_now_ns() - w->begun);
	if (w->is_long) {
		long_reap(s, w);
	} else if (h) {
		h->polls--;
		handle_drain(s, h);
	} else if (w->again) {
		struct rpc_frame f = { .head = w->d->head, .body = w->d->body, .body_len = w->d->len };

		session_request(s, &f, true);
	}
	work_free(w);
}

void session_chores(struct rpc_session *s)
{
	struct work *w, *next;
	eventfd_t told;

	eventfd_read(s->wake, &told);
	atomic_store(&s->chores, false);
	for (w = take_finished(s); w; w = next) {
		next = w->next;
		reap(s, w);
	}
	tokens_sweep(s);
}

void session_changed(struct rpc_session *s, uint64_t object_id)
{
	if (s->options.changed)
		s->options.changed(s->options.ctx, object_id);
	lister_look(s);
}

int session_push(struct rpc_session *s, enum wire_op op, uint64_t object, const void *body, size_t body_len,
		 const void *data, size_t data_len)
{
	struct wire_head head = { .op = (uint16_t)op, .flags = WIRE_ONE_WAY, .object = object };

	return rpc_link_send(&s->link, &head, body, body_len, data, data_len, clock_deadline(SEND_NS));
}

/* ---- life ---- */

/* Bytes of a PUSH go to their buffer at once when nothing of their handle's comes before. */
static void *place(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		   size_t len)
{
	struct rpc_session *s = ctx;
	struct session_handle *h = s->greeted ? session_handle(s, head->object) : NULL;
	struct wire_reader in;
	bool one_way = head->flags & WIRE_ONE_WAY;
	uint64_t wsid, offset;

	if (head->op != WIRE_PUSH || !h || !(h->rights & WIRE_RIGHT_DMA) || h->busy || h->queue)
		return NULL;
	if (h->posted && !one_way) /* it will not be carried out */
		return NULL;
	wire_reader_init(&in, fixed, fixed_len, NULL);
	wsid = wire_get_u64(&in);
	offset = wire_get_u64(&in);
	return in.bad ? NULL : buffers_place(h->buffers, one_way, wsid, offset, len);
}

static void fill_defaults(struct rpc_session_options *o)
{
	o->spin_ns = o->spin_ns ? o->spin_ns : SPIN_NS;
	o->hello_ns = o->hello_ns ? o->hello_ns : HELLO_NS;
	o->max_handles = o->max_handles ? o->max_handles : HANDLES_MAX;
	o->max_objects = o->max_objects ? o->max_objects : OBJECTS_MAX;
	o->max_calls = o->max_calls && o->max_calls < WIRE_CALLS_MAX ? o->max_calls : WIRE_CALLS_MAX;
	o->max_pinned = o->max_pinned ? o->max_pinned : PINNED_MAX;
	o->max_watched = o->max_watched ? o->max_watched : o->max_pinned;
	o->max_events = o->max_events && o->max_events < EVENTS_MAX ? o->max_events : EVENTS_MAX;
}

static int build(struct rpc_session *s, struct transport *t)
{
	int rc = rpc_link_init(&s->link, t);

	if (rc)
		return rc;
	s->link.counts = s->counts;
	s->link.sink = place;
	s->link.sink_ctx = s;
	s->wake = sys_eventfd(0, EFD_NONBLOCK);
	if (s->wake < 0)
		return s->wake;
	s->next_generation = s->options.first_id;
	s->handles = calloc(s->options.max_handles, sizeof(struct session_handle *));
	s->out = malloc(WIRE_FRAME_MAX);
	if (!s->handles || !s->out)
		return -ENOMEM;
	s->events = events_new(s);
	return s->events ? 0 : -ENOMEM;
}

int rpc_session_new(struct transport *t, const struct rpc_served *served,
		    const struct rpc_session_options *options, struct rpc_session **ret)
{
	struct rpc_session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		transport_free(t);
		return -ENOMEM;
	}
	s->served = served;
	s->table = served->table;
	s->options = *options;
	s->counts = options->counts ? options->counts : &s->own_counts;
	s->wake = -1;
	fill_defaults(&s->options);
	pthread_mutex_init(&s->finished_lock, NULL);
	pthread_mutex_init(&s->info_lock, NULL);
	tokens_init(s);
	lister_init(s);
	polls_init(s);
	rc = build(s, t);
	if (rc) {
		rpc_session_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* The dispatch thread is in none of our functions any more. */
void rpc_session_free(struct rpc_session *s)
{
	if (!s)
		return;
	if (s->link.t)
		rpc_link_break(&s->link, -ECANCELED);
	lister_done(s);
	polls_done(s);
	if (s->handles)
		handles_done(s);
	for (struct work *w = take_finished(s), *next; w; w = next) {
		next = w->next;
		work_free(w);
	}
	tokens_done(s);
	rpc_link_done(&s->link);
	if (s->wake >= 0)
		sys_close(s->wake);
	pthread_mutex_destroy(&s->finished_lock);
	pthread_mutex_destroy(&s->info_lock);
	free(s->handles);
	free(s->out);
	free(s);
}

/* ---- serving ---- */

/* What rpc_session_run() returns when rc ended it. */
static int ended(struct rpc_session *s, int rc)
{
	if (atomic_load(&s->stopped))
		return session_break(s, -ECANCELED, "stopped");
	if (rc == -EPIPE) {
		session_break(s, rc, "the peer has gone");
		return 0;
	}
	return session_break(s, rc, "%s", strerror(-rc));
}

int rpc_session_run(struct rpc_session *s)
{
	int64_t hello_by = clock_deadline(s->options.hello_ns);
	struct rpc_frame f;

	s->threads = true;
	for (;;) {
		int64_t now = s->left ? s->left : clock_now_ns();
		int rc = rpc_link_next_from(&s->link, &f, s->options.spin_ns,
					    s->greeted ? INT64_MAX : hello_by, s->wake, now);

		s->came = s->left = 0;
		if (rc == -EINTR) {
			session_chores(s);
			continue;
		}
		if (rc == -ETIMEDOUT && !s->greeted)
			return session_break(s, rc, "the peer said no HELLO within %lld ms",
					     (long long)(s->options.hello_ns / NS_PER_MS));
		if (!rc) {
			s->came = clock_now_ns();
			rc = session_dispatch(s, &f);
		}
		if (rc)
			return ended(s, rc);
	}
}

int rpc_session_step(struct rpc_session *s)
{
	struct rpc_frame f;
	int rc;

	while ((rc = rpc_link_read(&s->link, &f)) == 1) {
		rc = session_dispatch(s, &f);
		if (rc)
			break;
	}
	if (rc < 0)
		return ended(s, rc);
	polls_turn(s);
	events_turn(s->events);
	lister_turn(s);
	session_chores(s);
	return 0;
}

const char *rpc_session_why(const struct rpc_session *s)
{
	return s->why;
}

void rpc_session_stop(struct rpc_session *s)
{
	atomic_store(&s->stopped, true);
	rpc_link_break(&s->link, -ECANCELED);
}

void rpc_session_look(struct rpc_session *s)
{
	lister_look(s);
}

void rpc_session_info(struct rpc_session *s, struct rpc_session_info *ret)
{
	SCOPED_LOCK(&s->info_lock);

	*ret = (struct rpc_session_info){ 0 };
	snprintf(ret->principal, sizeof(ret->principal), "%s",
		 s->options.principal ? s->options.principal : "");
	snprintf(ret->peer, sizeof(ret->peer), "%.127s", s->link.t->name);
	snprintf(ret->program, sizeof(ret->program), "%s", s->program);
	ret->seconds = s->since ? (uint64_t)((clock_now_ns() - s->since) / NS_PER_S) : 0;
	ret->frames = atomic_load_explicit(&s->frames, memory_order_relaxed);
	ret->handles = (uint32_t)atomic_load_explicit(&s->open_handles, memory_order_relaxed);
	ret->pinned = buffers_pinned(s);
}
