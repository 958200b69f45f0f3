/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/raw/tap.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool raw_wait(int event)
{
	struct pollfd p = { .fd = event, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, 5000) == 1 && read(event, &n, sizeof(n)) == sizeof(n);
}

double raw_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static unsigned int cases, failed;

void raw_check(bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++cases, what);
	fflush(stdout); /* what comes next may be the kernel's end of this process */
	failed += !good;
}

int raw_end(void)
{
	printf("1..%u\n", cases);
	return failed != 0;
}
