/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session counts, in memory that another process may read while it goes on: no locks, and nothing in
 * it is ever waited for. Totals grow, gauges go up and down. Who writes what alone stores it plainly
 * (counts_add); what several threads write is added to (counts_add_shared).
 */
#ifndef RPC_COUNTS_H
#define RPC_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum rpc_count {
	RPC_FRAMES_IN,
	RPC_FRAMES_OUT,
	RPC_BYTES_IN,
	RPC_BYTES_OUT,
	RPC_DENIED,	     /* requests that the policy does not allow */
	RPC_FAILED,	     /* requests with another result than FPGA_OK */
	RPC_PAGES_ASKED,     /* by HOLD: the client's program touched them, or is about to */
	RPC_PAGES_GIVEN,     /* of these */
	RPC_PAGES_STALE,     /* taken back, because the device changes too much of them */
	RPC_PAGES_DROPPED,   /* given back by the client */
	RPC_CUTS,	     /* looks that found changes on pages that are held */
	RPC_WRITEBACK_BYTES, /* of pages that the client's program wrote */
	RPC_PUSH_BYTES,	     /* asked for by program or eager tracker */
	RPC_PULL_BYTES,
	RPC_COUNTS
};

enum rpc_gauge {
	RPC_PINNED_BYTES,  /* buffers and their twins */
	RPC_WATCHED_BYTES, /* looked at for what the device did */
	RPC_OPEN_HANDLES,
	RPC_GAUGES
};

/* Requests whose service is timed apart. */
enum rpc_class {
	RPC_CLASS_MMIO,	  /* registers */
	RPC_CLASS_BUFFER, /* what is about buffers */
	RPC_CLASS_MANAGE, /* what may take seconds: opening, closing, reconfiguration, clocks */
	RPC_CLASS_OTHER,
	RPC_CLASSES
};

/* Upper bounds of a histogram's buckets in ns; what is longer goes to one more. */
#define RPC_BUCKETS 22u
extern const int64_t rpc_bounds[RPC_BUCKETS];

/* Of a histogram: nanoseconds in all, then its buckets, each without those below. */
#define RPC_TIME_LEN (1u + RPC_BUCKETS + 1u)
#define RPC_TOTALS (RPC_COUNTS + RPC_CLASSES * RPC_TIME_LEN)

struct rpc_counts {
	_Atomic uint64_t total[RPC_TOTALS]; /* enum rpc_count, then a histogram for each class */
	_Atomic uint64_t gauge[RPC_GAUGES];
	_Atomic uint64_t ended; /* when the session did, on the clock of base/clock.h; 0: not yet */
};

/* The place in a histogram for a time. */
size_t rpc_bucket(int64_t ns);

/* By the one thread that writes it, or under the one lock. */
static inline void counts_add(struct rpc_counts *c, size_t which, uint64_t n)
{
	uint64_t had = atomic_load_explicit(&c->total[which], memory_order_relaxed);

	atomic_store_explicit(&c->total[which], had + n, memory_order_relaxed);
}

static inline void counts_add_shared(struct rpc_counts *c, size_t which, uint64_t n)
{
	atomic_fetch_add_explicit(&c->total[which], n, memory_order_relaxed);
}

static inline void counts_move(struct rpc_counts *c, enum rpc_gauge which, int64_t by)
{
	atomic_fetch_add_explicit(&c->gauge[which], (uint64_t)by, memory_order_relaxed);
}

/* By one thread alone. */
static inline void counts_time(struct rpc_counts *c, enum rpc_class of, int64_t ns)
{
	size_t first = RPC_COUNTS + (size_t)of * RPC_TIME_LEN;

	counts_add(c, first, ns > 0 ? (uint64_t)ns : 0);
	counts_add(c, first + 1 + rpc_bucket(ns), 1);
}

#endif
