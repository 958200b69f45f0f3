/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread on which an accelerator works. One each, so that none waits for another's work. */
#ifndef EMU_ENGINE_H
#define EMU_ENGINE_H

#include <pthread.h>
#include <stdbool.h>

struct block;
struct engine;

/* What the engines of a card share with it. */
struct engine_room {
	pthread_mutex_t lock;	/* the card's: guards blocks and engines */
	pthread_cond_t changed; /* on the monotonic clock */
	bool attached;		/* a client is there: mapped registers are looked at */
	void (*cancel)(void *card); /* makes a DMA message under way fail at once */
	void *card;
};

int engine_new(struct engine_room *room, struct block *b, struct engine **ret);
void engine_free(struct engine *e); /* without the lock; NULL is fine */

/* Lock held. From here on the block has no DMA, and when this returns it is idle. */
void engine_quiet(struct engine *e);
void engine_resume(struct engine *e); /* DMA is possible again */
bool engine_is_quiet(const struct engine *e); /* from any thread */

#endif
