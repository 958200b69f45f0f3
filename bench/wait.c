/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/wait.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "base/clock.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define NUM_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t came;
static sigset_t mask_before;
static struct sigaction before[NUM_SIGNALS], pipe_before;

static void on_signal(int sig)
{
	came = sig;
}

void wait_begin(void)
{
	struct sigaction act = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < NUM_SIGNALS; i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &mask_before);
	for (size_t i = 0; i < NUM_SIGNALS; i++) {
		sigaction(signals[i], &act, &before[i]);
		if (before[i].sa_handler == SIG_IGN) /* as nohup wants it */
			sigaction(signals[i], &before[i], NULL);
	}
	sigaction(SIGPIPE, &ignore, &pipe_before); /* a program that ended is a failed write */
}

void wait_restore(void)
{
	for (size_t i = 0; i < NUM_SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	sigaction(SIGPIPE, &pipe_before, NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void wait_end(void)
{
	wait_restore();
	if (came)
		raise(came);
}

int wait_for(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - clock_now_ns();
		struct timespec ts;
		int ready;

		if (left < 0)
			left = 0;
		ts = (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
		ready = ppoll(fds, n, &ts, &mask_before);
		if (came)
			return -EINTR;
		if (ready >= 0)
			return ready;
		if (errno != EINTR)
			return -errno;
	}
}
