/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of bench/remote.c that need many hosts, many sessions, or silence. */
#ifndef BENCH_REMOTE_MANY_H
#define BENCH_REMOTE_MANY_H

#include "bench/server.h"

bool measure_hosts(struct run *r);
bool measure_sessions(struct run *r, enum way way);
/* The card must have an interrupt. */
bool measure_quiet(struct run *r, enum way way, const struct cards_kind *kind);

#endif
