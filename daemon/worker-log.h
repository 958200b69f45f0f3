/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers write to their stderr: all of it comes by one pipe to the monitor, which makes lines of its
 * own log of it, escaped and no more than there may be. So no worker has the terminal, or the journal.
 */
#ifndef DAEMON_WORKER_LOG_H
#define DAEMON_WORKER_LOG_H

#include <stdbool.h>

/* 0 or a negative errno. */
int worker_log_open(void);
void worker_log_close(void);
/* Readable: worker_log_read() has something. */
int worker_log_fd(void);
/* What a worker has as its stderr. A pipe that is full takes nothing, and no worker waits. */
int worker_log_end(void);
/* Logs some of what is there; true: there may be more. */
bool worker_log_read(void);

#endif
