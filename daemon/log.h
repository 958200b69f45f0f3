/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's log: stderr, one line each. Whatever a peer may have put into a line, it stays one that a
 * terminal does nothing odd with: see utf8_escape(). It never waits: a line that a full pipe does not take is
 * lost. There are only so many of a kind for a principal at a time (log-rate.h); the format is the kind.
 * Any thread.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/log-rate.h"

#define LOG_LINE_MAX 1024u

/* As syslog has them; the journal is told. */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

/* stderr is the journal: lines begin with their level there, and elsewhere with "opaed: ". */
void log_init(void);

/* Writes a line in one write, cut at LOG_LINE_MAX. */
void log_at(enum log_level level, struct log_whose whose, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define LOG_WHOSE(who, part) ((struct log_whose){ who, part })
#define log_line(...) log_at(LOG_LEVEL_INFO, LOG_WHOSE("", ""), __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, LOG_WHOSE("", ""), __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, LOG_WHOSE("", ""), __VA_ARGS__)
/* One that a principal causes. */
#define log_about(who, ...) log_at(LOG_LEVEL_INFO, LOG_WHOSE(who, ""), __VA_ARGS__)
#define log_warning_about(who, ...) log_at(LOG_LEVEL_WARNING, LOG_WHOSE(who, ""), __VA_ARGS__)

/* Tells how many lines were left out, when that is due; at the end, at once. */
int64_t log_deadline(void);
void log_tick(void);
void log_done(void);
/* How many lines there would have been more, since the beginning. */
uint64_t log_left_out(void);

#endif
