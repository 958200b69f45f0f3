/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking for what the device did. Who is to be told before a reply looks at everything (buffers_tell()); the
 * watch is a thread that looks beside, for programs that poll memory. It is started by the first register
 * write that finds buffers, and has three states:
 *
 *	looking --2 ms and a whole round without news--> dozing --news--> looking
 *
 * and the third is ended. Dozing, it looks at a part at a time, between sleeps that double up to NAP_MAX, and
 * are the longer the longer the look took: a fifth of its time is work in the first 100 ms, and then a
 * hundredth. A register write sets it looking again.
 *
 * A program polls a flag and then reads what it stands for, elsewhere. So that no flag comes without its
 * data, what is found is not told before everything was looked at once more and nothing was new, and short
 * runs, which flags are, are told last: the shortest of one look behind all others. (Of two that are as short
 * the order may be lost.)
 *
 * A client that takes nothing, stopped in a debugger, is left alone by the watch: what the device changes
 * stays in memory, and is found by a look that finds room again.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "rpc/server/buffers-internal.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

#define PART (4u * 1024 * 1024)	   /* bytes of a look */
#define AWAKE_NS (2 * NS_PER_MS)   /* without news, before it dozes */
#define NAP_MIN (100 * NS_PER_US)
#define NAP_MAX (50 * NS_PER_MS)
#define NAP_WORKED (250 * NS_PER_MS) /* at most, however long a look took: it may have been interrupted */
#define FRESH_NS (100 * NS_PER_MS) /* of dozing, in which it works a fifth of its time */
#define PASSES 6u		   /* over everything, while there is something new */
#define ROOM_MS 10		   /* between two looks at whether it shall stop */
#define SLICE (512u * 1024)	   /* bytes that are compared with the lock held */

/* A place in the list, and in that buffer. */
struct look {
	uint32_t index;
	size_t from;
};

/* ---- looking; tell_lock held ---- */

static int send_found(struct session_buffers *b, struct news *n)
{
	struct iovec iov = { n->out, n->used };
	int rc = n->used ? rpc_link_send_iov(session_link(b->s), &iov, 1, clock_deadline(SEND_NS)) : 0;

	n->used = 0;
	return rc;
}

/* Gathers from [*from, end), but for what is being placed. True: up to the end. */
static bool gather_slice(struct session_buffers *b, const struct session_buffer *buf, struct news *n,
			 size_t *from, size_t end)
{
	SCOPED_LOCK(&b->lock);

	if (b->placing != buf || b->placing_to <= *from || b->placing_from >= end)
		return news_gather(n, &buf->t, buf->wsid, from, end);
	if (*from < b->placing_from && !news_gather(n, &buf->t, buf->wsid, from, b->placing_from))
		return false;
	*from = b->placing_to < end ? b->placing_to : end;
	return *from == end || news_gather(n, &buf->t, buf->wsid, from, end);
}

static bool gather(struct session_buffers *b, const struct session_buffer *buf, struct news *n, size_t *from,
		   size_t end)
{
	while (*from < end)
		if (!gather_slice(b, buf, n, from, end - *from < SLICE ? end : *from + SLICE))
			return false;
	return true;
}

static int look_at(struct session_buffers *b, const struct session_buffer *buf, struct news *n, size_t from,
		   size_t end)
{
	int rc = 0;

	while (!rc && !gather(b, buf, n, &from, end))
		rc = send_found(b, n);
	return rc;
}

/* Looks at `bytes` of the list from *at on. */
static int scan(struct session_buffers *b, struct news *n, struct look *at, size_t bytes)
{
	int rc = 0;

	while (!rc && bytes && at->index < b->num) {
		const struct session_buffer *buf = b->list[at->index];
		size_t len = buf && buf->t.twin ? buf->t.len : 0, end;

		if (at->from >= len) {
			*at = (struct look){ at->index + 1, 0 };
			continue;
		}
		end = len - at->from < bytes ? len : at->from + bytes;
		bytes -= end - at->from;
		rc = look_at(b, buf, n, at->from, end);
		at->from = end;
	}
	return rc;
}

struct late {
	struct iovec frame;
	unsigned int pass;
};

/*
 * The longest go first: data that comes too early does no harm, a flag does. Of those that are as long, what
 * a later pass found at a higher place is the newer, for the earlier pass had looked there after the other;
 * of one pass what lies behind in memory goes first, for status lines begin with their flag.
 */
static int later(const void *a, const void *b)
{
	const struct late *x = a, *y = b;

	if (x->frame.iov_len != y->frame.iov_len)
		return x->frame.iov_len > y->frame.iov_len ? -1 : 1;
	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return x->frame.iov_base > y->frame.iov_base ? -1 : 1;
}

/* What was put aside, up to ends[i] in pass i. */
static int send_late(struct session_buffers *b, const struct news *n, const size_t *ends)
{
	struct late list[NEWS_LATE_FRAMES];
	struct iovec iov[NEWS_LATE_FRAMES];
	unsigned int pass = 0;
	int num = 0;

	for (size_t at = 0; at < n->late_used; at += list[num++].frame.iov_len) {
		while (at >= ends[pass])
			pass++;
		list[num] = (struct late){ { n->late + at, bytes_get32(n->late + at) }, pass };
	}
	if (num > 1)
		qsort(list, (size_t)num, sizeof(list[0]), later);
	for (int i = 0; i < num; i++)
		iov[i] = list[i].frame;
	return num ? rpc_link_send_iov(session_link(b->s), iov, num, clock_deadline(SEND_NS)) : 0;
}

static int look_until_quiet(struct session_buffers *b, struct news *n, struct look *at, size_t bytes)
{
	unsigned int passes = 0, before = 0;
	size_t ends[PASSES];
	int rc = scan(b, n, at, bytes);

	ends[passes++] = n->late_used;
	while (!rc && n->runs != before && passes < PASSES) {
		struct look from_the_start = { 0 };

		before = n->runs;
		n->closed = passes + 1 == PASSES; /* a flag that is found only now waits for the next look */
		rc = scan(b, n, &from_the_start, SIZE_MAX);
		ends[passes++] = n->late_used;
	}
	if (!rc)
		rc = send_found(b, n);
	return rc ? rc : send_late(b, n, ends);
}

void buffers_ask(struct session_buffers *b)
{
	atomic_fetch_add(&b->askers, 1);
	pthread_mutex_lock(&b->tell_lock);
	atomic_fetch_sub(&b->askers, 1);
}

/*
 * Looks at the next `bytes` of the list from *at on, which moves on, and to 0 at the end of the list; when
 * something has changed there, then at everything, and tells. *found: how many runs there were. 0 or a
 * negative errno. tell_lock held.
 */
static int look_and_tell(struct session_buffers *b, struct look *at, size_t bytes, unsigned int *found)
{
	struct news n = { .op = WIRE_DATA };
	int rc = 0;

	if (b->num && b->out) {
		n = (struct news){ .op = WIRE_DATA, .handle = b->h->id, .out = b->out,
				   .bulk = news_bulk(session_link(b->s)->peer_max),
				   .late = b->out + NEWS_ROOM };
		rc = look_until_quiet(b, &n, at, bytes);
	}
	if (at->index >= b->num)
		*at = (struct look){ 0 };
	*found = n.runs;
	return rc;
}

static int tell_own(struct session_buffers *b)
{
	struct look at = { 0 };
	unsigned int found;
	int rc;

	if (!atomic_load_explicit(&b->watched, memory_order_acquire))
		return 0;
	buffers_ask(b);
	rc = look_and_tell(b, &at, SIZE_MAX, &found);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

/* NULL: none. Counted: buffers_put(). */
static struct session_buffers *owner_of(struct session_buffers *b)
{
	if (!atomic_load_explicit(&b->owned, memory_order_relaxed))
		return NULL;
	SCOPED_LOCK(&b->lock);
	if (b->owner)
		atomic_fetch_add(&b->owner->refs, 1);
	return b->owner;
}

int buffers_tell(struct session_buffers *b)
{
	int rc = tell_own(b);
	struct session_buffers *owner = owner_of(b);

	if (!rc && owner)
		rc = tell_own(owner);
	buffers_put(owner);
	return rc;
}

static void started(struct session_buffers *b)
{
	if (!atomic_load_explicit(&b->watched, memory_order_relaxed))
		return;
	if (!atomic_load_explicit(&b->started, memory_order_relaxed))
		atomic_store(&b->started, true);
	if (atomic_load(&b->watch_sleeps))
		watch_wake(b);
}

void buffers_started(struct session_buffers *b)
{
	struct session_buffers *owner = owner_of(b);

	started(b);
	if (owner)
		started(owner);
	buffers_put(owner);
}

/* ---- the thread ---- */

static bool stops(struct session_buffers *b)
{
	SCOPED_LOCK(&b->watch_lock);

	return b->watch_stop;
}

/* True: a register was written meanwhile. */
static bool doze(struct session_buffers *b, int64_t ns)
{
	int64_t until = clock_deadline(ns);
	struct timespec ts = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };
	int rc = 0;
	SCOPED_LOCK(&b->watch_lock);

	atomic_store(&b->watch_sleeps, true);
	while (!rc && !b->watch_stop && !atomic_load(&b->started))
		rc = pthread_cond_timedwait(&b->watch_cond, &b->watch_lock, &ts);
	atomic_store(&b->watch_sleeps, false);
	return atomic_load(&b->started);
}

/*
 * A lock that is taken again at once is never free for who is woken to take it: so whoever waits goes first.
 */
static int look_in_turn(struct session_buffers *b, struct look *at, unsigned int *found)
{
	int rc;

	while (atomic_load(&b->askers))
		sched_yield();
	pthread_mutex_lock(&b->tell_lock);
	rc = look_and_tell(b, at, PART, found);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

/* Waits for room first; that counts as news, because the round is no whole one any more. */
static int look_if_room(struct session_buffers *b, struct look *at, unsigned int *found)
{
	bool waited = false;
	int rc;

	while (!rpc_link_has_room(session_link(b->s), waited ? ROOM_MS : 0)) {
		if (stops(b))
			return -ECANCELED;
		waited = true;
	}
	rc = look_in_turn(b, at, found);
	*found += waited;
	return rc;
}

/* A round without news, and the time without them. */
static int look_while_news(struct session_buffers *b, struct look *at)
{
	int64_t until = clock_deadline(AWAKE_NS);
	unsigned int found, in_round = 1;

	while (!stops(b)) {
		int rc = look_if_room(b, at, &found);

		if (rc)
			return rc;
		in_round += found;
		if (found || atomic_exchange(&b->started, false))
			until = clock_deadline(AWAKE_NS);
		if (!at->index && !at->from) {
			if (!in_round && clock_now_ns() >= until)
				return 0;
			in_round = 0;
		}
		sched_yield(); /* who asks for registers comes first */
	}
	return -ECANCELED;
}

/* A look now and then, until there is news. */
static int look_while_none(struct session_buffers *b, struct look *at)
{
	int64_t fresh = clock_deadline(FRESH_NS), nap = NAP_MIN, sleep = nap;
	unsigned int found = 0;
	int rc = 0;

	while (!rc && !found && !doze(b, sleep) && !stops(b)) {
		int64_t begin = clock_now_ns(), work;

		rc = look_if_room(b, at, &found);
		work = clock_now_ns() - begin;
		work *= begin < fresh ? 4 : 99;
		nap = nap * 2 < NAP_MAX ? nap * 2 : NAP_MAX;
		if (work > NAP_WORKED)
			work = NAP_WORKED;
		sleep = nap > work ? nap : work;
	}
	return rc;
}

static void *watch_run(void *arg)
{
	struct session_buffers *b = arg;
	struct look at = { 0 };
	int rc = look_while_news(b, &at);

	while (!rc) {
		rc = look_while_none(b, &at);
		if (!rc)
			rc = look_while_news(b, &at);
	}
	return NULL;
}

void watch_init(struct session_buffers *b)
{
	pthread_condattr_t attr;

	atomic_init(&b->watch_sleeps, true); /* so the first to start it finds out that it does not run */
	pthread_mutex_init(&b->watch_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->watch_cond, &attr);
	pthread_condattr_destroy(&attr);
}

void watch_wake(struct session_buffers *b)
{
	SCOPED_LOCK(&b->watch_lock);

	if (!b->watch_runs && b->s->threads && !b->watch_stop) { /* without it register reads still tell */
		b->watch_runs = !thread_start(&b->watch, NULL, watch_run, b);
		atomic_store(&b->watch_sleeps, !b->watch_runs);
	}
	pthread_cond_signal(&b->watch_cond);
}

void watch_done(struct session_buffers *b)
{
	pthread_mutex_lock(&b->watch_lock);
	b->watch_stop = true;
	pthread_cond_signal(&b->watch_cond);
	pthread_mutex_unlock(&b->watch_lock);
	if (b->watch_runs)
		pthread_join(b->watch, NULL);
	b->watch_runs = false;
}
