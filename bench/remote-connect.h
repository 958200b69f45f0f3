/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of bench/remote.c of how a session begins, and of those that never begin one. */
#ifndef BENCH_REMOTE_CONNECT_H
#define BENCH_REMOTE_CONNECT_H

#include "bench/run.h"

bool measure_connections(struct run *r);
bool measure_strangers(struct run *r);

#endif
