/* SPDX-License-Identifier: BSD-3-Clause */
/* Monotonic time in nanoseconds, and deadlines: a deadline is a point on that clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_now_ns(void);

/* The deadline that lies ns nanoseconds ahead; saturates instead of wrapping. */
int64_t clock_deadline(int64_t ns);

/*
 * What is left until the deadline, as poll(2) wants it: milliseconds rounded up, 0 when it has
 * passed, at most INT32_MAX.
 */
int clock_left_ms(int64_t deadline);

/* Sleeps ns nanoseconds, interruptions by signals included. */
void clock_sleep_ns(int64_t ns);

#endif
