/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking for what the device did. Who is to be told before a reply looks at everything (buffers_tell()); the
 * watch is a thread that looks beside, for programs that poll memory. It is started by the first HOLD, or by
 * the first register write that finds buffers of the other tracker, and has three states:
 *
 *	looking --2 ms and a whole round without news--> dozing --news--> looking
 *
 * and the third is ended. Dozing, it looks at a part at a time, between sleeps that double up to NAP_MAX, and
 * are the longer the longer the look took: a tenth of its time is work in the first 100 ms, and then a
 * hundredth. A register write sets it looking again. What a client writes back may start a device that polls
 * memory: then the sleeps begin anew with the shortest.
 *
 * A client that takes nothing, stopped in a debugger, is left alone by the watch: what the device changes
 * stays in memory, and is found by a look that finds room again.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "base/thread.h"
#include "rpc/server/buffers-internal.h"
#include "rpc/server/session.h"

#define PART (4u * 1024 * 1024)	   /* bytes of a look */
#define AWAKE_NS (2 * NS_PER_MS)   /* without news, before it dozes */
#define NAP_MIN (100 * NS_PER_US)
#define NAP_MAX (50 * NS_PER_MS)
#define NAP_LONG NS_PER_MS	   /* longer ones end when something is written back */
#define NAP_WORKED (250 * NS_PER_MS) /* at most, however long a look took: it may have been interrupted */
#define FRESH_NS (100 * NS_PER_MS) /* of dozing, in which it works a tenth of its time */
#define ROOM_MS 10		   /* between two looks at whether it shall stop */

/* ---- who asks ---- */

void buffers_ask(struct session_buffers *b)
{
	atomic_fetch_add(&b->askers, 1);
	pthread_mutex_lock(&b->tell_lock);
	atomic_fetch_sub(&b->askers, 1);
}

static int tell_own(struct session_buffers *b)
{
	struct place at = { 0 };
	unsigned int found;
	int rc;

	if (!atomic_load_explicit(&b->watched, memory_order_acquire))
		return 0;
	buffers_ask(b);
	rc = look_and_tell(b, &at, SIZE_MAX, NULL, &found);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

int buffers_tell(struct session_buffers *b)
{
	int rc = MUTANT_no_acquire ? 0 : tell_own(b);
	struct session_buffers *owner = pins_owner(b);

	if (!rc && owner)
		rc = tell_own(owner);
	buffers_put(owner);
	return rc;
}

static void started(struct session_buffers *b)
{
	if (!atomic_load_explicit(&b->watched, memory_order_relaxed)) {
		if (b->cut_out && !atomic_load_explicit(&b->started_before, memory_order_relaxed))
			atomic_store(&b->started_before, true);
		return;
	}
	if (!atomic_load_explicit(&b->started, memory_order_relaxed))
		atomic_store(&b->started, true);
	if (atomic_load(&b->watch_sleeps))
		watch_wake(b);
	else
		sched_yield(); /* the device may have been as fast as this */
}

void buffers_started(struct session_buffers *b)
{
	struct session_buffers *owner = pins_owner(b);

	started(b);
	if (owner)
		started(owner);
	buffers_put(owner);
}

void watch_held(struct session_buffers *b)
{
	if (atomic_load(&b->watched) && atomic_exchange(&b->started_before, false))
		started(b);
}

void watch_stir(struct session_buffers *b)
{
	if (!atomic_load_explicit(&b->stirred, memory_order_relaxed))
		atomic_store(&b->stirred, true);
	if (atomic_load(&b->watch_rests))
		watch_wake(b);
}

/* ---- the thread ---- */

static bool stops(struct session_buffers *b)
{
	SCOPED_LOCK(&b->watch_lock);

	return b->watch_stop;
}

/*
 * For a nap, or what has to pass for the work that a look was, if that is longer; what is written back ends
 * a long nap alone. True: a register was written meanwhile.
 */
static bool doze(struct session_buffers *b, int64_t nap, int64_t work)
{
	int64_t until = clock_deadline(nap > work ? nap : work);
	struct timespec ts = { .tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S };
	bool rests = nap > work && nap > NAP_LONG;
	int rc = 0;
	SCOPED_LOCK(&b->watch_lock);

	atomic_store(&b->watch_sleeps, true);
	atomic_store(&b->watch_rests, rests);
	while (!rc && !b->watch_stop && !atomic_load(&b->started) && !(rests && atomic_load(&b->stirred)))
		rc = pthread_cond_timedwait(&b->watch_cond, &b->watch_lock, &ts);
	atomic_store(&b->watch_rests, false);
	atomic_store(&b->watch_sleeps, false);
	return atomic_load(&b->started);
}

/*
 * A lock that is taken again at once is never free for who is woken to take it: so whoever waits goes first.
 */
static int look_in_turn(struct session_buffers *b, struct place *at, unsigned int *found)
{
	int rc;

	while (atomic_load(&b->askers))
		sched_yield();
	pthread_mutex_lock(&b->tell_lock);
	rc = look_and_tell(b, at, PART, NULL, found);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

/* Waits for room first; that counts as news, because the round is no whole one any more. */
static int look_if_room(struct session_buffers *b, struct place *at, unsigned int *found)
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
static int look_while_news(struct session_buffers *b, struct place *at)
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
static int look_while_none(struct session_buffers *b, struct place *at)
{
	int64_t fresh = clock_deadline(FRESH_NS), nap = NAP_MIN, work = 0;
	unsigned int found = 0;
	int rc = 0;

	while (!rc && !found && !doze(b, nap, work) && !stops(b)) {
		int64_t begin = clock_now_ns();

		rc = look_if_room(b, at, &found);
		work = clock_now_ns() - begin;
		work *= begin < fresh ? 9 : 99;
		nap = atomic_exchange(&b->stirred, false) ? NAP_MIN : nap * 2 < NAP_MAX ? nap * 2 : NAP_MAX;
		if (work > NAP_WORKED)
			work = NAP_WORKED;
	}
	return rc;
}

static void *watch_run(void *arg)
{
	struct session_buffers *b = arg;
	struct place at = { 0 };
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
	atomic_init(&b->started_before, true); /* another handle may start the device */
	pthread_mutex_init(&b->watch_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->watch_cond, &attr);
	pthread_condattr_destroy(&attr);
}

void watch_wake(struct session_buffers *b)
{
	SCOPED_LOCK(&b->watch_lock);

	/* without it register reads still tell */
	if (!b->watch_runs && b->s->threads && !b->watch_stop && !b->s->options.no_watch) {
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
