/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/guard.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/ids.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

static struct id_slot free_slot;
static struct guard_thread always_in_use = { .active = { UINT64_MAX } };
_Thread_local struct guard_thread *guard_self, *guard_fast = &always_in_use;
static bool guard_fenced = true; /* written once, before the first handle exists */

/* Records are pushed and never taken off; a thread that ends leaves its record to the next one. */
static struct guard_thread *_Atomic records;
static pthread_key_t at_thread_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_record(void *record)
{
	struct guard_thread *t = record;

	/* A later destructor of the thread may call the API, and registers anew. */
	guard_self = NULL;
	guard_fast = &always_in_use;
	atomic_store_explicit(&t->in_use, false, memory_order_release);
}

/* In the child of a fork: the other threads are no more, and so are their sections. */
static void after_fork(void)
{
	for (struct guard_thread *t = atomic_load(&records); t; t = t->next) {
		if (t == guard_self)
			continue;
		for (unsigned int i = 0; i < GUARD_DEPTH; i++)
			atomic_store(&t->active[i], 0);
		atomic_store(&t->in_use, false);
	}
}

static void set_up(void)
{
	pthread_atfork(NULL, NULL, after_fork);
	pthread_key_create(&at_thread_exit, release_record);
	if (!UNDER_TSAN &&
	    !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		guard_fenced = false;
}

void guard_init(void)
{
	pthread_once(&once, set_up);
}

static struct guard_thread *reuse_record(void)
{
	struct guard_thread *t;

	for (t = atomic_load(&records); t; t = t->next) {
		bool expected = false;

		if (atomic_compare_exchange_strong(&t->in_use, &expected, true))
			return t;
	}
	return NULL;
}

struct guard_thread *guard_register(void)
{
	struct guard_thread *t;

	guard_init();
	t = reuse_record();
	if (!t) {
		t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);
		if (!t)
			return NULL;
		*t = (struct guard_thread){ .in_use = true };
		for (unsigned int i = 0; i < GUARD_SLOTS; i++)
			t->slots[i] = &free_slot;
		t->next = atomic_load(&records);
		while (!atomic_compare_exchange_weak(&records, &t->next, t))
			;
	}
	pthread_setspecific(at_thread_exit, t);
	guard_self = t;
	guard_fast = guard_fenced ? &always_in_use : t;
	return t;
}

bool guard_enter(uint64_t id)
{
	struct guard_thread *t = guard_self ? guard_self : guard_register();
	unsigned int i = 0;

	if (!t || !id) /* an entry of 0 is no entry: leave would clear another's */
		return false;
	while (guard_peek(t, i))
		if (++i == GUARD_DEPTH)
			return false;
	if (guard_fenced)
		atomic_store_explicit(&t->active[i], id, memory_order_seq_cst);
	else
		atomic_store_explicit(&t->active[i], id, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

void guard_leave(void)
{
	struct guard_thread *t = guard_self;
	unsigned int i = 0;

	while (guard_peek(t, i + 1))
		i++;
	atomic_store_explicit(&t->active[i], 0, memory_order_release);
}

static bool record_names(struct guard_thread *t, uint64_t id)
{
	for (unsigned int i = 0; i < GUARD_DEPTH; i++)
		if (atomic_load_explicit(&t->active[i], memory_order_seq_cst) == id)
			return true;
	return false;
}

void guard_wait(uint64_t id)
{
	struct guard_thread *t;

	if (!guard_fenced)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	for (t = atomic_load(&records); t; t = t->next)
		while (t != guard_self && record_names(t, id))
			clock_sleep_ns(20 * NS_PER_US);
}
