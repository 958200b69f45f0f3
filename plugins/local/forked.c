/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/forked.h"

#include <stddef.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "plugins/local/mmio.h"

/* Who had the handle's locks is not in this process. */
static void let_go(struct handle *h)
{
	pthread_mutex_init(&h->buffers.lock, NULL);
	pthread_mutex_init(&h->alarms.calls, NULL);
	pthread_mutex_init(&h->alarms.lock, NULL);
	pthread_mutex_init(&h->metrics.lock, NULL);
	h->forked = true;
	atomic_store(&h->dead, true);
	mmio_cover(h);
	sys_close(h->fd);
	h->fd = -1;
}

/* The instance's lock is held. The watch is the parent's. */
static void in_child(struct fork_watch *w)
{
	struct instance *inst = (struct instance *)((char *)w - offsetof(struct instance, forks));

	pthread_mutex_init(&inst->events_lock, NULL);
	for (struct handle *h = inst->handles; h; h = h->next)
		let_go(h);
	inst->handles = NULL;
}

static bool is_first(struct instance *inst)
{
	bool first;
	SCOPED_LOCK(&inst->lock);

	first = !inst->forks.lock;
	inst->forks.lock = &inst->lock;
	return first;
}

void forked_prepare(struct instance *inst)
{
	if (is_first(inst))
		forks_watch(&inst->forks, in_child);
}

static bool in_use(struct instance *inst)
{
	SCOPED_LOCK(&inst->lock);

	return inst->handles;
}

void forked_rest(struct instance *inst)
{
	if (in_use(inst))
		return;
	forks_unwatch(&inst->forks);
	inst->forks.lock = NULL;
}
