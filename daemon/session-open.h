/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker asks its monitor to open, to connect to or to look at: for its session, and by its rule. */
#ifndef DAEMON_SESSION_OPEN_H
#define DAEMON_SESSION_OPEN_H

#include "daemon/channel.h"
#include "daemon/session.h"

/* Before it is known who the peer is, and when he is refused, a worker has nothing to ask for. */
bool session_may_say(const struct session *s, uint32_t type);
/* As gate_answer(); an answer of -EINPROGRESS: a scout may be needed to tell. Logs what is refused. */
void session_answer(struct sessions *all, struct session *s, const struct channel_message *m,
		    struct channel_message *answer, int *fd);

#endif
