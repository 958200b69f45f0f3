/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that answers who scrapes, opaed-metrics: it reads what strangers send, so it has no rights, no
 * memory of the monitor's, and one thing to ask it: what the metrics are now. The monitor starts it with the
 * socket to accept from, and again, ever more slowly, when it dies.
 */
#ifndef DAEMON_METRICS_PROCESS_H
#define DAEMON_METRICS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/listeners.h"

/* Where the process finds them. */
enum { METRICS_CHANNEL = 3, METRICS_LISTEN = 4, METRICS_FDS = 5 };
/* What the monitor says when it was asked so soon that the answer is the one before; else it is the text. */
#define METRICS_UNCHANGED '='

/* The monitor's first message. */
struct metrics_start {
	uint32_t uid, gid; /* whom it becomes; UINT32_MAX: it stays who it is */
	uint32_t must;	   /* bits of enum sandbox_piece: without these it ends */
};

#define METRICS_TAG (UINT64_C(8) << 32) /* of its channel in the monitor's epoll */

struct sessions;

struct metrics_process {
	struct listeners at; /* none or one */
	struct listener *next;
	int poll; /* the monitor's epoll, which has the channel */
	int program, channel, fd; /* fd: what it accepts from; -1: it shall not run */
	pid_t pid;		  /* 0: it does not run */
	int64_t start_at;	  /* INT64_MAX: it runs, or shall not */
	int64_t started, pause;	  /* when; and before the next start */
	int64_t answered;
	uint64_t starts;
};

void metrics_process_init(struct metrics_process *p);
/* Ends it. */
void metrics_process_done(struct metrics_process *p);
/* All that can fail of a new configuration: 0 or a negative errno, which is logged. */
int metrics_process_prepare(struct metrics_process *p, const struct daemon_config *config);
/* After that: it is in force, or it shall not be. */
void metrics_process_settle(struct metrics_process *p, const struct daemon_config *config, bool in_force);
/* Its channel has something. */
void metrics_process_serve(struct sessions *all);
/* Was it this one that died? */
bool metrics_process_died(struct metrics_process *p, pid_t pid, int status);
/* Starts it when that is due. */
void metrics_process_tick(struct sessions *all);

#endif
