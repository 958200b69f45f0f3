/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's I/O thread, from its first open on. It sends the posted writes that nothing else took
 * along, and reads what comes by itself. While calls follow each other it stays off the socket, for each
 * reply would wake it: only when none has waited for a while it comes back. Between bursts it sleeps.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "rpc/client/buffers.h"
#include "rpc/client/conn.h"

#define QUIET_NS (2 * NS_PER_MS)	  /* no call has waited for so long: it reads */
#define QUIET_MAX (8 * NS_PER_MS)	  /* with calls ever more seldom: each look disturbs one */
#define QUIET_EVENTS_NS (200 * NS_PER_US) /* the same, when the program waits for events */
#define QUIET_PAGES_NS NS_PER_MS	  /* the same, when it may poll memory */
#define CALM 2				  /* naps without a new write, until a burst is over */
#define FIRST_NS (4 * NS_PER_US)	  /* how long the first writes of a burst wait for others */
#define RELEASE_NS (200 * NS_PER_US)	  /* between two looks at what the program stored in buffers */
#define RELEASE_IDLE_NS (10 * NS_PER_MS)  /* the same when the device seems to be idle */
#define STIRRED_NS (100 * NS_PER_MS)	  /* after which time it does */
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
	int64_t release_at; /* when buffers are released next; INT64_MAX: not by us */
	int timer;	 /* of the connection; negative: there is none */
	int64_t rings_at; /* INT64_MAX: it is not set */
	int64_t flow_nap; /* the last one in a flow; 0: there is none */
	int64_t quiet;	  /* the next look at whether calls still wait */
};

/* ---- buffers ---- */

void conn_pages_busy(struct conn *n, int more)
{
	atomic_fetch_add(&n->busy, (unsigned int)more);
	if (more > 0 && !atomic_load_explicit(&n->tended, memory_order_relaxed) &&
	    !atomic_exchange(&n->tended, true))
		io_kick(n);
}

void conn_stir(struct conn *n)
{
	int64_t now = clock_now_ns(), before = atomic_exchange(&n->stirred, now);

	if (now - before > STIRRED_NS / 2 && atomic_load_explicit(&n->busy, memory_order_relaxed))
		io_kick(n);
}

/* What the program stored goes to a device that may be polling its memory. */
static void tend(struct io *io)
{
	struct conn *n = io->n;
	int64_t now, stirred;

	if (conn_lost(n) || !atomic_load(&n->busy)) {
		atomic_store(&n->tended, false); /* before the next look at what is busy */
		io->release_at = conn_lost(n) || !atomic_load(&n->busy) ? INT64_MAX : clock_now_ns();
		return;
	}
	now = clock_now_ns();
	stirred = atomic_load_explicit(&n->stirred, memory_order_relaxed);
	if (now < io->release_at && (io->release_at - now <= RELEASE_NS || now - stirred >= STIRRED_NS) &&
	    io->release_at != INT64_MAX)
		return;
	client_buffers_release_all(n);
	io->release_at = clock_now_ns() + (now - stirred < STIRRED_NS ? RELEASE_NS : RELEASE_IDLE_NS);
}

static struct timespec until(int64_t at, int64_t most)
{
	int64_t left = at - clock_now_ns();

	left = left < 0 ? 0 : left < most ? left : most;
	return (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
}

/*
 * Sees to it that the timer rings at `at` at the latest. Starting and stopping one with every sleep would
 * cost 10 us each on a virtual machine, as long as the news take that this thread waits for: so it is set
 * anew when it has rung, or would ring too late. False: there is none.
 */
static bool set_timer(struct io *io, int64_t at)
{
	struct itimerspec ts = { .it_value = { .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S } };

	/* a time of 0 would stop it; that of a moment that has passed rings at once */
	if (io->timer < 0 || at <= 0)
		return false;
	if (io->rings_at <= at)
		return true;
	if (timerfd_settime(io->timer, TFD_TIMER_ABSTIME, &ts, NULL))
		return false;
	io->rings_at = at;
	return true;
}

static void take_ring(struct io *io)
{
	uint64_t times;

	if (read(io->timer, &times, sizeof(times)) == (ssize_t)sizeof(times))
		io->rings_at = INT64_MAX;
}

/* ---- bursts of writes ---- */

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

static int64_t away_ns(const struct io *io)
{
	if (atomic_load(&io->n->events))
		return QUIET_EVENTS_NS;
	return atomic_load(&io->n->busy) && io->quiet > QUIET_PAGES_NS ? QUIET_PAGES_NS : io->quiet;
}

static void sleep_away(struct io *io)
{
	struct conn *n = io->n;
	struct pollfd p = { .fd = n->io_wake, .events = POLLIN };
	struct timespec quiet = until(io->release_at, away_ns(io));
	eventfd_t rung;

	if (io->quiet < QUIET_MAX)
		io->quiet *= 2;
	if (ppoll(&p, 1, conn_lost(n) ? NULL : &quiet, NULL) > 0)
		eventfd_read(p.fd, &rung);
}

/* True: something has come. */
static bool wait_at_socket(struct io *io)
{
	struct conn *n = io->n;
	struct pollfd p[3] = { { .events = POLLIN },
			       { .fd = n->io_wake, .events = POLLIN },
			       { .fd = io->timer, .events = POLLIN } };
	int nap = transport_poll_for(n->link.t, POLLIN, &p[0]);
	bool rings = set_timer(io, io->release_at);
	struct timespec left = until(io->release_at, nap * NS_PER_MS);
	eventfd_t rung;

	if (!nap)
		return true;
	if (ppoll(p, 3, rings && nap == INT_MAX ? NULL : &left, NULL) <= 0)
		return false;
	if (p[1].revents)
		eventfd_read(p[1].fd, &rung);
	if (p[2].revents)
		take_ring(io);
	return p[0].revents;
}

/* The same when there is nothing to release. */
static bool wait_for_news(struct io *io)
{
	struct conn *n = io->n;
	int rc = transport_wait_or_wake(n->link.t, 0, INT64_MAX, n->io_wake);
	eventfd_t rung;

	if (rc == -EINTR)
		eventfd_read(n->io_wake, &rung);
	else if (rc < 0 && rc != -ETIMEDOUT)
		conn_break(n, rc);
	return !rc;
}

static void sleep_at_socket(struct io *io)
{
	struct conn *n = io->n;

	io->quiet = QUIET_NS;
	atomic_store(&n->expecting, false);
	atomic_store(&n->io_away, false);
	if ((io->release_at == INT64_MAX ? wait_for_news(io) : wait_at_socket(io)) && !calls_wait(io))
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
	struct io io = { .n = arg, .release_at = INT64_MAX, .quiet = QUIET_NS, .rings_at = INT64_MAX };

	io.timer = io.n->io_timer;
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while (!atomic_load(&io.n->io_stop)) {
		tend(&io);
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
	if (n->io_timer < 0) /* here, not by the thread: no descriptor comes after the call has returned */
		n->io_timer = sys_timerfd(CLOCK_MONOTONIC, TFD_NONBLOCK);
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
