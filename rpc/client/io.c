/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's I/O thread, from its first open on. It sends the posted writes that nothing else took
 * along, and reads what comes by itself. While calls follow each other it stays off the socket, for each
 * reply would wake it: only when none has waited for a while it comes back. Between bursts it sleeps.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "rpc/client/conn.h"

#define QUIET_NS (2 * NS_PER_MS)	  /* no call has waited for so long: it reads */
#define QUIET_MAX (8 * NS_PER_MS)	  /* with calls ever more seldom: each look disturbs one */
#define QUIET_EVENTS_NS (200 * NS_PER_US) /* the same, when the program waits for events */
#define CALM 2				  /* naps without a new write, until a burst is over */
#define FIRST_NS (4 * NS_PER_US)	  /* how long the first writes of a burst wait for others */
#define FLOW 2				  /* beginnings between two looks: the writer sends by himself */
/*
 * Then a look costs him more than it helps, most of all on a core that both share. So they are ever further
 * apart while the flow lasts, and what has waited for less is his to send: he may just have been interrupted.
 */
#define FLOW_NAP_NS (30 * NS_PER_US)
#define FLOW_NAP_MAX (120 * NS_PER_US)
#define FLOW_LINGER_NS (30 * NS_PER_US)

struct io {
	struct conn *n;
	uint32_t waits;	 /* as last seen */
	uint32_t writes; /* as last seen */
	unsigned int calm;
	int64_t flow_nap; /* the last one in a flow; 0: there is none */
	int64_t quiet;	  /* the next look at whether calls still wait */
};

/* Not by a nap, which on a virtual machine takes more than twice as long as it is told to. */
static int64_t spin_until(const struct conn *n, int64_t due)
{
	int64_t now = clock_now_ns();

	while (n->spin_ns > 0 && now < due) {
		sched_yield(); /* who writes may be waiting for this very core */
		now = clock_now_ns();
	}
	return now;
}

/* One look in a flow: what is old by now is the flow's end. Since when something waits. */
static int64_t look_in_flow(struct io *io, int64_t since)
{
	int64_t until = clock_now_ns() - FLOW_LINGER_NS;

	io->flow_nap = io->flow_nap ? io->flow_nap * 2 : FLOW_NAP_NS;
	if (io->flow_nap > FLOW_NAP_MAX)
		io->flow_nap = FLOW_NAP_MAX;
	return since && since <= until ? post_flush(io->n, until) : since;
}

static int64_t look(struct io *io, int64_t since)
{
	int64_t linger = io->calm ? FIRST_NS : POSTED_LINGER_NS, until;

	io->flow_nap = 0;
	if (!since)
		return 0;
	until = spin_until(io->n, since + linger) - linger;
	return since <= until ? post_flush(io->n, until) : since;
}

/* True: writes are being gathered, and it has napped. */
static bool in_burst(struct io *io)
{
	struct conn *n = io->n;
	int64_t since = atomic_load_explicit(&n->posted_since, memory_order_relaxed);
	uint32_t writes = atomic_load_explicit(&n->posted_count, memory_order_relaxed);

	since = writes - io->writes >= FLOW ? look_in_flow(io, since) : look(io, since);
	if (writes != io->writes || since)
		io->calm = 0;
	else if (++io->calm > CALM)
		return false;
	io->writes = writes;
	clock_sleep_ns(io->flow_nap ? io->flow_nap : POSTED_LINGER_NS);
	return true;
}

/* Unless a write was set aside meanwhile: from now on who does that wakes us. */
static bool fall_asleep(struct conn *n)
{
	SCOPED_LOCK(&n->out_lock);

	n->io_asleep = !atomic_load_explicit(&n->posted_since, memory_order_relaxed);
	return n->io_asleep;
}

/* Do calls follow each other, so that their threads read? */
static bool calls_wait(struct io *io)
{
	struct conn *n = io->n;
	uint32_t waits = atomic_load_explicit(&n->waits, memory_order_relaxed);
	bool more = waits != io->waits;

	io->waits = waits;
	return atomic_load_explicit(&n->waiters, memory_order_relaxed) ||
	       (more && !atomic_load(&n->expecting));
}

static void sleep_away(struct io *io)
{
	struct conn *n = io->n;
	struct pollfd p = { .fd = n->io_wake, .events = POLLIN };
	struct timespec quiet = { .tv_nsec = atomic_load(&n->events) ? QUIET_EVENTS_NS : io->quiet };
	eventfd_t rung;

	if (io->quiet < QUIET_MAX)
		io->quiet *= 2;
	if (ppoll(&p, 1, conn_lost(n) ? NULL : &quiet, NULL) > 0)
		eventfd_read(p.fd, &rung);
}

static void sleep_at_socket(struct io *io)
{
	struct conn *n = io->n;
	eventfd_t rung;
	int rc;

	io->quiet = QUIET_NS;
	atomic_store(&n->expecting, false);
	atomic_store(&n->io_away, false);
	rc = transport_wait_or_wake(n->link.t, 0, INT64_MAX, n->io_wake);
	if (rc == -EINTR)
		eventfd_read(n->io_wake, &rung);
	else if (rc < 0)
		conn_break(n, rc);
	else if (!calls_wait(io))
		conn_drain(n);
	atomic_store(&n->io_away, true); /* before the next look at what is expected */
}

static void sleep_until_something(struct io *io)
{
	if (conn_lost(io->n) || calls_wait(io))
		sleep_away(io);
	else
		sleep_at_socket(io);
}

static void *run(void *arg)
{
	struct io io = { .n = arg, .quiet = QUIET_NS };

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while (!atomic_load(&io.n->io_stop)) {
		if (in_burst(&io))
			continue;
		if (fall_asleep(io.n))
			sleep_until_something(&io);
	}
	return NULL;
}

int io_start(struct conn *n)
{
	int rc;
	SCOPED_LOCK(&n->handles_lock);

	if (n->io_runs)
		return 0;
	if (n->io_wake < 0) {
		rc = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (rc < 0)
			return rc;
		n->io_wake = rc;
	}
	rc = thread_start(&n->io, NULL, run, n);
	n->io_runs = !rc;
	return rc;
}

void io_kick(struct conn *n)
{
	int fd = n->io_wake;

	if (fd >= 0)
		eventfd_write(fd, 1);
}

void io_expect(struct conn *n)
{
	if (atomic_load_explicit(&n->expecting, memory_order_relaxed))
		return;
	atomic_store(&n->expecting, true);
	if (atomic_load(&n->io_away))
		io_kick(n);
}

void io_stop(struct conn *n)
{
	if (!n->io_runs)
		return;
	atomic_store(&n->io_stop, true);
	io_kick(n);
	pthread_join(n->io, NULL);
	n->io_runs = false;
}
