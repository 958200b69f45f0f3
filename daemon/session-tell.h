/* SPDX-License-Identifier: BSD-3-Clause */
/* What the monitor does to a session's worker. Nothing here waits. */
#ifndef DAEMON_SESSION_TELL_H
#define DAEMON_SESSION_TELL_H

#include "daemon/channel.h"
#include "daemon/session.h"

/* Why it ends, unless that was said before. */
void session_because(struct session *s, const char *why);
void session_kill(struct session *s, const char *why);
/* With a descriptor, which stays the caller's, or -1. A worker that does not take it is killed. */
void session_send(struct session *s, const struct channel_message *m, int fd);
void session_send_word(struct session *s, enum channel_type type, uint32_t id, int64_t value, int fd);

#endif
