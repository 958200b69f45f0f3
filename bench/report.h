/* SPDX-License-Identifier: BSD-3-Clause */
/* What a benchmark found: rows of a value beside its reference. In every row less is better. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_ROWS 160

struct bench_row {
	char name[40];
	const char *unit;
	double value, reference; /* rounded to thousandths, as they are shown */
	double ratio;            /* value / reference; 0 when the reference is 0 */
	bool has_target;
	double target; /* in the row's unit: the most that the value may be */
	bool met;      /* value <= target; true without one */
	char rule[64]; /* where the target comes from, for people */
};

struct bench_report {
	char machine[256];
	char tracker[240]; /* "trap", or "eager" and why; "" when it plays no part */
	struct bench_row rows[BENCH_ROWS];
	size_t num;
};

#endif
