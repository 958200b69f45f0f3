/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting to an address in steps, so that one thread can wait for a hundred of them. A name that is no
 * literal address is looked up by a thread of the connector's own, and the addresses that it has are tried in
 * turn; one that does not answer soon is left for the next, and tried again for longer when all had a turn.
 */
#ifndef TRANSPORT_CONNECT_H
#define TRANSPORT_CONNECT_H

#include "transport/address.h"
#include "transport/transport.h"

#define CONNECT_WHY_MAX 200

struct connector;

/* 0, or a negative errno. An address that refuses at once is told by the first step. */
int connector_start(const struct address *a, struct connector **ret);
/* What to poll for until the next step; the descriptor may be another after each step, and -1: none. */
int connector_fd(const struct connector *c, short *events);
/*
 * When the next step is due even if the descriptor says nothing, on the clock of base/clock.h; INT64_MAX:
 * never.
 */
int64_t connector_due(const struct connector *c);
/* 1: connected, and *ret is the transport; 0: not yet; a negative errno: it failed, for good. */
int connector_step(struct connector *c, struct transport **ret);
/* Why it failed, in one line that names the address: "a:8447: Connection refused". */
const char *connector_why(const struct connector *c);
/*
 * NULL is fine; at any time. The thread of a name's lookup goes on by itself and frees what it has: a plugin
 * that is made of this must not be unloaded (-z nodelete).
 */
void connector_free(struct connector *c);

/* The whole of it. -ETIMEDOUT after the deadline; why (CONNECT_WHY_MAX bytes) may be NULL. */
int transport_connect(const struct address *a, int64_t deadline, struct transport **ret, char *why);

#endif
