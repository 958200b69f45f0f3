/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's record, and its worker with what the monitor has of it: channel, counters and log. */
#ifndef DAEMON_SESSION_NEW_H
#define DAEMON_SESSION_NEW_H

#include "daemon/channel.h"
#include "daemon/session.h"

struct session *session_find(struct sessions *all, uint32_t id); /* NULL: there is none */
/* Not yet in the list. NULL: no memory. */
struct session *session_new(struct sessions *all, const struct peer *peer, const char *principal);
/* A scout's, for sessions that began with this configuration. */
struct session *session_new_scout(struct sessions *all, struct daemon_config *config);
void session_free(struct session *s);
/*
 * Starts its worker for the connection fd, which stays the caller's, with this first message. 0, and the
 * worker is to be waited for; or a negative errno.
 */
int session_launch(struct sessions *all, struct session *s, int fd, const struct channel_message *start,
		   const struct credentials *credentials);

#endif
