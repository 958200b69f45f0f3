/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_deadline(int64_t ns)
{
	int64_t at;

	if (__builtin_add_overflow(clock_now_ns(), ns, &at))
		return INT64_MAX;
	return at;
}

int clock_left_ms(int64_t deadline)
{
	int64_t left = deadline - clock_now_ns();

	if (left <= 0)
		return 0;
	left = left / NS_PER_MS + (left % NS_PER_MS != 0);
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

void clock_sleep_ns(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
