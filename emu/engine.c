/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/engine.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "emu/block.h"
#include "emu/idle.h"

#define QUIET_NS (6 * NS_PER_S) /* longest wait for the engine in a reset */

struct engine {
	struct engine_room *room;
	struct block *block;
	pthread_t thread;
	bool quit, working;
	atomic_bool quiet;
};

static bool polls(const struct engine *e)
{
	return e->room->attached && e->block->mapped && e->block->ops->look;
}

static bool has_work(struct engine *e)
{
	return e->block->ops->has_work && e->block->ops->has_work(e->block);
}

/* Lock held. Sleeps until something may have changed; a poller naps, or does not sleep at all. */
static void rest(struct engine *e, int64_t last_change)
{
	if (!polls(e)) {
		pthread_cond_wait(&e->room->changed, &e->room->lock);
		return;
	}
	pthread_mutex_unlock(&e->room->lock);
	idle_pause(last_change);
	pthread_mutex_lock(&e->room->lock);
}

static void *run(void *arg)
{
	struct engine *e = arg;
	int64_t last_change = 0;

	pthread_mutex_lock(&e->room->lock);
	while (!e->quit) {
		if (polls(e) && e->block->ops->look(e->block))
			last_change = clock_now_ns();
		if (!has_work(e)) {
			rest(e, last_change);
			continue;
		}
		e->working = true;
		pthread_mutex_unlock(&e->room->lock);
		e->block->ops->work(e->block);
		pthread_mutex_lock(&e->room->lock);
		e->working = false;
		last_change = clock_now_ns();
		pthread_cond_broadcast(&e->room->changed);
	}
	pthread_mutex_unlock(&e->room->lock);
	return NULL;
}

void engine_quiet(struct engine *e)
{
	int64_t deadline = clock_deadline(QUIET_NS);

	atomic_store(&e->quiet, true);
	while (e->working && clock_now_ns() < deadline) {
		struct timespec soon;
		int64_t at = clock_deadline(NS_PER_MS);

		soon = (struct timespec){ .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
		e->room->cancel(e->room->card);
		pthread_cond_timedwait(&e->room->changed, &e->room->lock, &soon);
	}
}

void engine_resume(struct engine *e)
{
	atomic_store(&e->quiet, false);
}

bool engine_is_quiet(const struct engine *e)
{
	return atomic_load(&e->quiet);
}

int engine_new(struct engine_room *room, struct block *b, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return -ENOMEM;
	e->room = room;
	e->block = b;
	rc = -pthread_create(&e->thread, NULL, run, e);
	if (rc) {
		free(e);
		return rc;
	}
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->room->lock);
	engine_quiet(e);
	e->quit = true;
	pthread_cond_broadcast(&e->room->changed);
	pthread_mutex_unlock(&e->room->lock);
	pthread_join(e->thread, NULL);
	free(e);
}
