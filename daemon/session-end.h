/* SPDX-License-Identifier: BSD-3-Clause */
/* What the log and the metrics have of a session: what became of its peer, and its end. */
#ifndef DAEMON_SESSION_END_H
#define DAEMON_SESSION_END_H

#include "daemon/session.h"

/* Its peer is known, and was refused for this reason ("": is served), under this rule or none. */
void session_judged(struct sessions *all, unsigned int kind, const struct policy_rule *rule,
		    const char *refuse);
/* Its worker has died, with this status as of waitpid(), and all that it said was heard. */
void session_ended(struct sessions *all, struct session *s, int status);

#endif
