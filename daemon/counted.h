/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the monitor believes of a worker's counters. The worker may write what it likes there, at any time:
 * totals that shrink or are larger than can be, and gauges above the session's limits, end the reading for
 * good, and what was read before stays. So no lie makes a sum go down, or takes what others counted with it.
 */
#ifndef DAEMON_COUNTED_H
#define DAEMON_COUNTED_H

#include <stdbool.h>

#include "rpc/counts.h"

/* What can be: some 800 days of serving, or 72 PB. */
#define COUNTED_MAX (UINT64_C(1) << 56)

struct counted {
	const struct rpc_counts *page; /* NULL: there is none */
	uint64_t total[RPC_TOTALS], gauge[RPC_GAUGES]; /* as read last */
	uint64_t most[RPC_GAUGES];
	bool wrong; /* not read any more */
	int64_t began; /* when there was a session */
	bool killed;   /* by the monitor */
	int end;       /* as the worker said why it ended: 0 or a negative errno */
};

/* A page for a session of these limits; a descriptor of it for the worker; or a negative errno. */
int counted_new(struct counted *c, uint64_t max_pinned, uint32_t max_handles);
void counted_done(struct counted *c);
/* Reads what there is now. False: it has just turned out to make no sense. */
bool counted_read(struct counted *c);
/* How long the session has ended, or -1: that is not known. */
int64_t counted_since_end(const struct counted *c, int64_t now);

#endif
