/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader's role is a flag under the connection's lock. Who waits for his reply without it spins as a
 * reader does, because the reply is handed over within microseconds, and then sleeps on a futex, the state of
 * his call: so each is woken alone, and only who sleeps costs a system call.
 */
#include "rpc/client/role.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/call.h"

/* The call's memory may be gone by then: the kernel takes the address alone, and who is woken looks anew. */
static void wake(atomic_uint *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_on(atomic_uint *at, unsigned int while_it_is, int64_t deadline)
{
	struct timespec until = { .tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S };

	syscall(SYS_futex, at, FUTEX_WAIT_BITSET_PRIVATE, while_it_is, &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void tell(struct call *c, unsigned int state)
{
	int fd = c->wake; /* after the next line it may be gone */
	atomic_uint *at = &c->state;

	if (atomic_exchange(at, state) == CALL_ASLEEP)
		wake(at);
	if (fd >= 0)
		eventfd_write(fd, 1);
}

void role_done(struct call *c)
{
	tell(c, CALL_DONE);
}

void role_forget(struct conn *n, struct call *c)
{
	for (struct call **at = &n->waiting; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			return;
		}
}

/* Behind those that are there. */
static void line_up(struct conn *n, struct call *c)
{
	struct call **at = &n->waiting;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		return;
	*at = c;
	c->next = NULL;
}

bool role_take(struct conn *n, struct call *c)
{
	SCOPED_LOCK(&n->lock);

	if (c ? atomic_load(&c->state) == CALL_DONE : n->lost)
		return false;
	if (n->reading) {
		if (c) {
			atomic_store(&c->state, CALL_OPEN);
			line_up(n, c);
		}
		return false;
	}
	n->reading = true;
	if (c)
		role_forget(n, c);
	return true;
}

void role_pass(struct conn *n)
{
	if (!n->reading && n->waiting)
		tell(n->waiting, CALL_ROLE);
}

void role_leave(struct conn *n)
{
	SCOPED_LOCK(&n->lock);

	n->reading = false;
	role_pass(n);
}

void role_sleep(struct conn *n, struct call *c)
{
	int64_t spin_end = n->spin_ns > 0 ? clock_deadline(n->spin_ns) : 0;
	unsigned int open = CALL_OPEN;

	while (atomic_load_explicit(&c->state, memory_order_acquire) == CALL_OPEN) {
		if (n->spin_ns <= 0 || clock_now_ns() >= spin_end)
			break;
		sched_yield();
	}
	if (!atomic_compare_exchange_strong(&c->state, &open, CALL_ASLEEP))
		return;
	while (atomic_load(&c->state) == CALL_ASLEEP && clock_now_ns() < c->deadline)
		sleep_on(&c->state, CALL_ASLEEP, c->deadline);
}
