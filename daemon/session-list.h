/* SPDX-License-Identifier: BSD-3-Clause */
/* What `opae sessions` is told, as a file for a worker that asks: an array of struct rpc_session_info. */
#ifndef DAEMON_SESSION_LIST_H
#define DAEMON_SESSION_LIST_H

#include "base/clock.h"
#include "daemon/session.h"

#define SESSION_LIST_NS (NS_PER_S / 2) /* for the others' workers to tell of theirs */

/* May `who` know of the session, and end it? */
bool session_list_shows(const struct session *who, const struct session *s);
/* Of those that `who` may know of: a descriptor, or a negative errno. */
int session_list_file(const struct session *first, const struct session *who);
/* What the worker tells of its own session; who it is and since when is the monitor's to say. */
void session_list_learn(struct session *s, const struct rpc_session_info *info);

#endif
