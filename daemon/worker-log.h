/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker writes to its stderr: it comes by a pipe of its own to the monitor, which makes lines of its
 * own log of it, with the session's number in front, escaped, and no more than there may be. So no worker has
 * the terminal, or the journal, and none hides what another has to say.
 */
#ifndef DAEMON_WORKER_LOG_H
#define DAEMON_WORKER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/log.h"

/* Of the pipe in the monitor's epoll, with the session's number. */
#define WORKER_LOG_TAG (UINT64_C(16) << 32)

struct worker_log {
	int fd;	  /* -1: there is none */
	int poll; /* the epoll that it is in; -1: in none */
	uint32_t session;
	const char *who; /* whose worker it is, as far as that is known; "" of the scout */
	size_t have;		     /* of a line that has not ended */
	char line[LOG_LINE_MAX / 2]; /* escaped it may be longer */
};

/*
 * `who` stays the caller's. *theirs is what the worker has as its stderr: a pipe that is full takes nothing,
 * and no worker waits.
 */
int worker_log_open(struct worker_log *l, uint32_t session, const char *who, int *theirs);
/* Logs some of what is there; false: there was nothing. */
bool worker_log_read(struct worker_log *l);
/* Logs what is still there. Closed already is fine. */
void worker_log_close(struct worker_log *l);

#endif
