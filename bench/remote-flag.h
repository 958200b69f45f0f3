/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of bench/remote.c about programs that poll memory which the device stores to. */
#ifndef BENCH_REMOTE_FLAG_H
#define BENCH_REMOTE_FLAG_H

#include "bench/run.h"

/* After memory_find_tracker(). */
bool measure_flags(struct run *r);
bool measure_jobs(struct run *r);

#endif
