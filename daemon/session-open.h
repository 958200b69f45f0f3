/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker asks its monitor to open or to connect to: for its session, and by the rule of that. */
#ifndef DAEMON_SESSION_OPEN_H
#define DAEMON_SESSION_OPEN_H

#include "daemon/channel.h"
#include "daemon/session.h"

/* The descriptor, or a negative errno; -EINPROGRESS: a scout may be needed to tell. Logs what is refused. */
int session_open(struct sessions *all, struct session *s, const struct channel_message *m);

#endif
