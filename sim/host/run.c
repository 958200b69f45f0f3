/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the clock runs, and when the client is listened to. While it runs, the client's socket is looked at
 * every few cycles: seldom enough that looking costs little, and often enough that a register read does not
 * wait for it. While the AFU works and the client is silent it is looked at less and less often, until he
 * asks for something. When the clock stands still, poll waits, and costs nothing.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/sys.h"
#include "sim/host/control.h"
#include "sim/host/host-internal.h"

#define BUSY_CYCLES 512u	   /* between two looks at the socket, at most */
#define EAGER_CYCLES 8u		   /* the same when it is the client's turn, and he may be about to take it */
#define EAGER_FOR 4096u		   /* cycles after the last that was done for him */
#define LOOK_NS (4 * NS_PER_US)	   /* from one look to the next, and up to twice that, */
#define SELDOM_NS (16 * NS_PER_US) /* or this, while the AFU has work and many looks found nothing */
#define POLL_NS NS_PER_MS	   /* between two looks at everything else */
#define BURST 64u

enum { SCRIPT = VU_SERVER_FDS + CONTROL_FDS, FDS };

const char *host_run_name(const struct host *h)
{
	static const char *const names[] = { "idle-stop", "free", "lockstep", "paused" };

	return names[h->set.run];
}

static bool idle_for(const struct host *h, uint64_t cycles)
{
	return host_quiet(h) && h->port.cycle - h->last_active >= cycles;
}

/* A client that is there may compute, or sleep: his silence is not counted. */
static bool waits_for_timeout(const struct host *h)
{
	return h->set.mode == ASE_TIMEOUT && h->ended_sessions && !vu_server_has_client(h->server);
}

static bool must_run(const struct host *h)
{
	if (h->port.cycle < h->step_end)
		return true;
	switch (h->set.run) {
	case RUN_FREE: return true;
	case RUN_PAUSED: return false;
	case RUN_LOCKSTEP:
		return h->port.reset || h->reset_asked || h->port.cycle < h->credit_end || h->mmio.num ||
		       h->mmio.outstanding;
	case RUN_IDLE_STOP: break;
	}
	if (waits_for_timeout(h))
		return true; /* the time that is counted is the clock's */
	return !idle_for(h, h->in_use ? h->set.used_cycles : h->set.idle_cycles);
}

/* ---- descriptors ---- */

static void script_ended(struct host *h)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)h->script, &info, WEXITED | WNOHANG) || !info.si_pid)
		return;
	if (info.si_code != CLD_EXITED || info.si_status)
		host_error(&h->port, "script", "ASE_SCRIPT has failed with status %d", info.si_status);
	sys_close(h->script);
	h->script = -1;
	host_end(h, "ASE_SCRIPT has ended (ASE_MODE 4)");
}

/* The client waits while as much is queued as it may queue, and in lockstep until the clock stands. */
static bool hears_client(const struct host *h, bool running)
{
	return h->mmio.num < HOST_MMIO_CROWD && !(running && h->set.run == RUN_LOCKSTEP);
}

static void attend(struct host *h, bool running)
{
	bool client = hears_client(h, running);
	struct pollfd fds[FDS];
	int timeout_ms = vu_server_wants(h->server, fds);

	for (int i = 0; i < VU_SERVER_FDS && !client; i++)
		fds[i].fd = -1;
	control_wants(h->control, fds + VU_SERVER_FDS);
	fds[SCRIPT] = (struct pollfd){ .fd = h->script, .events = POLLIN };
	if (sys_poll(fds, FDS, running ? 0 : timeout_ms) < 0)
		return;
	if (client && vu_server_step(h->server, fds, h->set.run == RUN_LOCKSTEP ? 1 : BURST))
		h->answered = true;
	/* Who started it has gone before it said a word, and nobody else can come. */
	if (h->set.fd >= 0 && !vu_server_connected(h->server))
		host_end(h, "nobody is at its socket any more");
	control_step(h, fds + VU_SERVER_FDS);
	if (fds[SCRIPT].revents)
		script_ended(h);
}

/* ---- the loop ---- */

/* Where the very cycle matters, whether to go on is asked each time. */
static void run_cycles(struct host *h, unsigned int cycles)
{
	bool exact = h->set.run == RUN_LOCKSTEP || h->step_end > h->port.cycle;

	while (cycles-- && !h->ending && (!exact || must_run(h)))
		host_cycle(h);
	if (h->step_end && h->port.cycle >= h->step_end) {
		h->step_end = 0;
		control_stepped(h);
	}
}

/* How many cycles the next look at the socket is away, from how long the last ones took. */
static unsigned int adapt(struct host *h, unsigned int cycles, int64_t took)
{
	bool quiet = host_quiet(h);
	unsigned int most = quiet && !idle_for(h, EAGER_FOR) ? EAGER_CYCLES : BUSY_CYCLES;

	if (quiet || h->answered)
		h->look_ns = LOOK_NS;
	else if (h->look_ns < SELDOM_NS)
		h->look_ns += LOOK_NS / 16;
	if (took > 2 * h->look_ns && cycles > 1)
		cycles /= 2;
	else if (took < h->look_ns)
		cycles *= 2;
	return cycles < most ? cycles : most;
}

/*
 * A client that spins for its answer may do so on this very core. It was never asleep, so that nothing would
 * let it run before this thread's time is over.
 */
static void offer_core(struct host *h)
{
	if (h->answered)
		sched_yield();
	h->answered = false;
}

/* An AFU that only computes looks the same as one that has nothing to do. */
static void tell_once(struct host *h)
{
	if (!h->in_use || h->told_stop || h->set.run != RUN_IDLE_STOP)
		return;
	h->told_stop = true;
	log_say(h,
		"the clock stands still until the program or the AFU asks for something: neither has for "
		"%" PRIu64 " cycles; an AFU that computes for longer needs --run free",
		h->set.used_cycles);
}

static void stand_still(struct host *h)
{
	queue_go_on(h);
	if (h->ending || must_run(h))
		return; /* the client has reset the device or left meanwhile */
	tell_once(h);
	h->running = false;
	fflush(h->log.transactions);
	attend(h, false);
	h->running = true;
}

int host_run(struct host *h)
{
	int64_t now = clock_now_ns(), next_poll = now;
	unsigned int cycles = 1;

	h->running = true;
	while (!h->ending && !atomic_load(&h->stop)) {
		int64_t before = now;

		if (!must_run(h)) {
			stand_still(h);
			now = clock_now_ns();
			continue;
		}
		run_cycles(h, cycles);
		now = clock_now_ns();
		if (hears_client(h, true) && vu_server_glance(h->server, BURST))
			h->answered = true;
		cycles = adapt(h, cycles, now - before);
		offer_core(h);
		if (now >= next_poll) {
			attend(h, true);
			next_poll = now + POLL_NS;
		}
		if (waits_for_timeout(h) && idle_for(h, h->set.timeout_cycles))
			host_end(h, "nothing has happened for ASE_TIMEOUT cycles (ASE_MODE 2)");
	}
	return 0;
}
