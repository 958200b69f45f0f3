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
#include <stddef.h>
#include <stdint.h>

struct id_slot;

#define GUARD_SLOTS 8
#define GUARD_DEPTH 16 /* calls of one thread inside each other (a plugin may call back) */

/*
 * Sections nest, so the entries in use are the first ones. That is found by looking and not by a
 * counter: a counter in memory would tie each call to the one before.
 */
struct guard_thread {
	_Atomic uint64_t active[GUARD_DEPTH + 1]; /* the last one stays 0 */
	/* The thread's alone, for handle_enter_fast(): */
	const void *object;                  /* what its section works on, for who asks later */
	struct id_slot *slots[GUARD_SLOTS]; /* where it found handles; a guess, but never NULL */
	atomic_bool in_use;
	struct guard_thread *next;
};

extern _Thread_local struct guard_thread *guard_self __attribute__((tls_model("initial-exec")));
/*
 * The same where records are written without a fence. In all other threads, and before a thread's first
 * call, a record that is always in use: the fast way then needs no test of its own for them.
 */
extern _Thread_local struct guard_thread *guard_fast __attribute__((tls_model("initial-exec")));

void guard_init(void);
struct guard_thread *guard_register(void);
/* Returns when no other thread is inside a section of the id. */
void guard_wait(uint64_t id);

static inline uint64_t guard_peek(const struct guard_thread *t, unsigned int i)
{
	return atomic_load_explicit(&t->active[i], memory_order_relaxed);
}

/* False: no id at all, too many calls inside each other, or no memory. */
bool guard_enter(uint64_t id);
void guard_leave(void);

/*
 * The same for register accesses, with t = guard_fast: a load and a store each. False: this is a
 * thread's first call, one inside another, or without membarrier, and is made by guard_enter() and
 * guard_leave(). An id of 0 makes no entry, and takes none off.
 */
static inline __attribute__((always_inline)) bool guard_enter_fast(uint64_t id,
								   struct guard_thread *t)
{
	if (__builtin_expect(guard_peek(t, 0) != 0, 0))
		return false;
	atomic_store_explicit(&t->active[0], id, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

/* Sections that began inside this one have ended. */
static inline __attribute__((always_inline)) void guard_leave_fast(struct guard_thread *t)
{
	atomic_store_explicit(&t->active[0], 0, memory_order_release);
}

#endif
