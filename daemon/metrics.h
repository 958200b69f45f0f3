/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the monitor counts of all sessions, those that have ended among them. docs/daemon.md, "Metrics", has
 * the names under which it is told. One thread, the monitor's.
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/counted.h"
#include "transport/address.h"

/* enum address_kind, and what has no socket of ours. */
#define METRICS_RDMA 3u
#define METRICS_KINDS 4u

enum metrics_refusal {
	METRICS_BY_POLICY,
	METRICS_BY_LIMIT,
	METRICS_UNKNOWN, /* TLS did not tell who it was */
	METRICS_SILENT,	 /* it said nothing of TLS's, or waited too long for its turn */
	METRICS_NOT_STARTED,
	METRICS_REFUSALS
};

/* Why a session ended. */
enum metrics_end {
	METRICS_PEER_GONE,
	METRICS_STOPPED,   /* kicked, or opaed ends */
	METRICS_PROTOCOL,  /* the peer broke the rules */
	METRICS_TIMEOUT,   /* no HELLO, or a peer that takes nothing */
	METRICS_HOST_DOWN,
	METRICS_ERROR,	   /* its worker gave another reason */
	METRICS_KILLED,	   /* its worker, by the monitor */
	METRICS_DIED,	   /* its worker, by itself */
	METRICS_ENDS
};

struct metrics {
	uint64_t accepted[METRICS_KINDS], started[METRICS_KINDS];
	uint64_t refused[METRICS_REFUSALS], ended[METRICS_ENDS];
	uint64_t deaths[NSIG]; /* of workers, by signal */
	uint64_t spares_missed; /* strangers who would have had a worker with a fabric */
	uint64_t gate;	       /* what workers asked for and may not have */
	uint64_t wrong;	       /* sessions whose counters were not believed any more */
	uint64_t cleanup[RPC_TIME_LEN]; /* a histogram as of rpc/counts.h */
	uint64_t gone[RPC_TOTALS];	/* of the sessions that have ended */
	uint64_t reloads, bad_reloads;
	bool last_reload_bad;
	double configured; /* seconds since 1970 */
};

/* Sums that grow no more rather than begin anew. */
void metrics_add(uint64_t *sum, uint64_t n);
/* Reads a session's counters, and says so in the log when they are not to be believed. */
void metrics_read(struct metrics *m, struct counted *c, uint32_t session);
/* A session's worker has died: with this status, as of waitpid(), and its last word or none. */
void metrics_end(struct metrics *m, struct counted *c, uint32_t session, bool said_end, int status);
/* A worker that was no session's: it told a peer why he is refused. */
void metrics_death(struct metrics *m, int status);
void metrics_reloaded(struct metrics *m, bool good, bool first);

#endif
