/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The benchmark of the local path: what ours takes beside what the machine itself takes for the same
 * job, asked in turn in one run.
 */
#ifndef BENCH_LOCAL_H
#define BENCH_LOCAL_H

#include "bench/report.h"

/*
 * quick: a moment of everything, to see that it works; its figures mean nothing. False: something
 * could not be measured, and standard error says why. Nothing is left behind either way. Does not
 * return when a signal asked it to end.
 */
bool bench_local(bool quick, struct bench_report *report);

#endif
