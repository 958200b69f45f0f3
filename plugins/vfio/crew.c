/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

#define FEW 3u	 /* two processors have enough to do with three */
#define MANY 64u
#define TICK_NS NS_PER_MS
#define STACK_BYTES (256u * 1024)

struct crew {
	void (*job)(void *ctx, size_t i);
	void *ctx;
	size_t num;
	_Atomic size_t next;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t all_done; /* on the monotonic clock */
	size_t done;
};

static void *work(void *arg)
{
	struct crew *c = arg;
	size_t i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->num) {
		c->job(c->ctx, i);
		pthread_mutex_lock(&c->lock);
		if (++c->done == c->num)
			pthread_cond_signal(&c->all_done);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

/* Up to `more` further threads; returns how many there are now. */
static unsigned int hire(struct crew *c, pthread_t *hands, unsigned int n, unsigned int more)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (; more && n < MANY && !thread_start(&hands[n], &attr, work, c); more--)
		n++;
	pthread_attr_destroy(&attr);
	return n;
}

/* Lock held. False: a tick went by in which nothing was finished. */
static bool progress(struct crew *c)
{
	int64_t at = clock_deadline(TICK_NS);
	const struct timespec end = { .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
	size_t before = c->done;

	while (c->done < c->num)
		if (pthread_cond_timedwait(&c->all_done, &c->lock, &end))
			break;
	return c->done != before;
}

static void supervise(struct crew *c)
{
	pthread_t hands[MANY];
	unsigned int n = hire(c, hands, 0, FEW);

	pthread_mutex_lock(&c->lock);
	while (n && c->done < c->num)
		if (!progress(c) && atomic_load(&c->next) < c->num)
			n = hire(c, hands, n, n);
	pthread_mutex_unlock(&c->lock);
	work(c); /* what nobody took */
	while (n)
		pthread_join(hands[--n], NULL);
}

void crew_work(size_t num, void (*job)(void *ctx, size_t i), void *ctx)
{
	struct crew c = { .job = job, .ctx = ctx, .num = num };
	pthread_condattr_t attr;

	pthread_mutex_init(&c.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c.all_done, &attr);
	pthread_condattr_destroy(&attr);
	if (num > 1)
		supervise(&c);
	else
		work(&c);
	pthread_cond_destroy(&c.all_done);
	pthread_mutex_destroy(&c.lock);
}
