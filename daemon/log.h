/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's log: stderr, one line each. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

/*
 * Writes "opaed: ..." and a newline in one write, cut at LOG_LINE_MAX. Whatever a peer may have put into
 * the text, it stays one line that a terminal does nothing odd with: see utf8_escape(). It never waits: a
 * line that a full pipe does not take is lost.
 */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define LOG_LINE_MAX 1024u

#endif
