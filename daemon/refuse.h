/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling a peer that is not served why. */
#ifndef DAEMON_REFUSE_H
#define DAEMON_REFUSE_H

#include "transport/transport.h"

/* Waits for the peer's HELLO, at most hello_ns, answers it with the reason, and ends. Takes t over. */
void refuse_peer(struct transport *t, int64_t hello_ns, const char *why);

#endif
