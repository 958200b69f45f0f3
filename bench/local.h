/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The benchmark of the local path: what ours takes beside what the machine itself takes for the same
 * job, asked in turn in one run. In every row less is better.
 */
#ifndef BENCH_LOCAL_H
#define BENCH_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_ROWS 24

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
	struct bench_row rows[BENCH_ROWS];
	size_t num;
};

/*
 * quick: a moment of everything, to see that it works; its figures mean nothing. False: something
 * could not be measured, and standard error says why. Nothing is left behind either way. Does not
 * return when a signal asked it to end.
 */
bool bench_local(bool quick, struct bench_report *report);

#endif
