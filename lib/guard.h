/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lets fpgaClose wait for calls that are under way on the same handle, at no cost worth naming to
 * the calls: a call writes the handle's id into a record of its thread, looks the id up, works,
 * and clears the record. Closing first takes the id out of force, then makes every thread's
 * writes visible with one membarrier(2), then waits until no record names the id.
 *
 * Where membarrier is missing, and under ThreadSanitizer, the record is written with a full fence.
 */
#ifndef LIB_GUARD_H
#define LIB_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GUARD_DEPTH 16 /* calls of one thread inside each other (a plugin may call back) */

/*
 * Sections nest, so the entries in use are the first ones. That is found by looking and not by a
 * counter: a counter in memory would tie each call to the one before.
 */
struct guard_thread {
	_Atomic uint64_t active[GUARD_DEPTH + 1]; /* the last one stays 0 */
	atomic_bool in_use;
	struct guard_thread *next;
};

extern _Thread_local struct guard_thread *guard_self __attribute__((tls_model("initial-exec")));
extern bool guard_fenced; /* write once, before the first handle exists */

void guard_init(void);
struct guard_thread *guard_register(void);
/* Returns when no other thread is inside a section of the id. */
void guard_wait(uint64_t id);

static inline uint64_t guard_peek(const struct guard_thread *t, unsigned int i)
{
	return atomic_load_explicit(&t->active[i], memory_order_relaxed);
}

/* False: no id at all, too many calls inside each other, or no memory. */
static inline bool guard_enter(uint64_t id)
{
	struct guard_thread *t = guard_self;
	unsigned int i = 0;

	if (__builtin_expect(!t, 0)) {
		t = guard_register();
		if (!t)
			return false;
	}
	if (__builtin_expect(!id, 0)) /* an entry of 0 is no entry: leave would clear another's */
		return false;
	while (__builtin_expect(guard_peek(t, i) != 0, 0))
		if (++i == GUARD_DEPTH)
			return false;
	if (__builtin_expect(guard_fenced, 0))
		atomic_store_explicit(&t->active[i], id, memory_order_seq_cst);
	else
		atomic_store_explicit(&t->active[i], id, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

static inline void guard_leave(void)
{
	struct guard_thread *t = guard_self;
	unsigned int i = 0;

	while (__builtin_expect(guard_peek(t, i + 1) != 0, 0))
		i++;
	atomic_store_explicit(&t->active[i], 0, memory_order_release);
}

#endif
