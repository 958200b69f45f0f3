/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

/* The value that `percent` of them do not exceed; 50 is the median. Sorts the values. n > 0. */
double stats_percentile(double *values, size_t n, unsigned int percent);

#endif
