/* SPDX-License-Identifier: BSD-3-Clause */
#include "ticker.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_MS 100

static void print_line(const struct ticker *t)
{
	printf("\r%s ... %.1f s", t->what, (double)(clock_now_ns() - t->began) / 1e9);
	fflush(stdout);
}

static void *run(void *arg)
{
	const struct ticker *t = arg;
	struct pollfd stop = { .fd = t->stop, .events = POLLIN };

	while (!poll(&stop, 1, TICK_MS))
		print_line(t);
	return NULL;
}

void ticker_begin(struct ticker *t, const char *what)
{
	*t = (struct ticker){ .what = what, .began = clock_now_ns(), .stop = -1 };
	if (isatty(STDOUT_FILENO))
		t->stop = eventfd(0, EFD_CLOEXEC);
	if (t->stop >= 0 && pthread_create(&t->thread, NULL, run, t)) {
		close(t->stop);
		t->stop = -1;
	}
	if (t->stop < 0)
		printf("%s\n", what);
	fflush(stdout);
}

int64_t ticker_end(struct ticker *t)
{
	int64_t took = clock_now_ns() - t->began;

	if (t->stop < 0)
		return took;
	eventfd_write(t->stop, 1);
	pthread_join(t->thread, NULL);
	close(t->stop);
	print_line(t);
	putchar('\n');
	return took;
}
