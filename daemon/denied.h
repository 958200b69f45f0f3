/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session's peer named and does not have, or wanted and may not: one line a second at most, with the
 * number of those that had none. Any thread.
 */
#ifndef DAEMON_DENIED_H
#define DAEMON_DENIED_H

#include <stdint.h>

#include "rpc/server/server.h"

void denied_tell(const char *principal, const struct rpc_refusal *r);
/* At the end: how many had no line. */
void denied_done(const char *principal);

#endif
