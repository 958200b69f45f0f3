/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/run.h"

#include <errno.h>

void run_init(struct run *r)
{
	r->armed = r->working = r->lost = false;
	r->current = 0;
	atomic_store(&r->epoch, 0);
	atomic_store(&r->stop, false);
}

bool run_start(struct run *r)
{
	if (r->armed || (r->working && r->current == atomic_load(&r->epoch)))
		return false;
	atomic_store(&r->stop, false);
	r->armed = true;
	return true;
}

void run_stop(struct run *r)
{
	atomic_store(&r->stop, true);
}

void run_forget(struct run *r)
{
	atomic_fetch_add(&r->epoch, 1);
	r->armed = false;
}

bool run_begin(struct run *r)
{
	r->working = r->armed;
	r->armed = false;
	r->lost = false;
	r->current = atomic_load(&r->epoch);
	return r->working;
}

void run_end(struct run *r)
{
	r->working = false;
}

bool run_look(struct block *b, uint64_t offset, uint32_t *value)
{
	uint32_t *at = (uint32_t *)(void *)(b->regs + offset);
	uint32_t v = __atomic_fetch_or(at, RUN_SEEN, __ATOMIC_ACQ_REL);

	if (v & RUN_SEEN)
		return false;
	*value = v;
	return true;
}

bool run_forgotten(const struct run *r)
{
	return r->lost || r->current != atomic_load(&r->epoch);
}

bool run_goes_on(struct block *b, struct run *r)
{
	if (b->mapped) {
		block_lock(b);
		b->ops->look(b);
		block_unlock(b);
	}
	if (!block_may_work(b))
		r->lost = true;
	return !run_forgotten(r) && !atomic_load(&r->stop);
}

bool run_faulted(struct run *r, int rc)
{
	bool gone = rc == -ECANCELED || rc == -ENOTCONN;

	if (gone)
		r->lost = true;
	return rc && !gone;
}
