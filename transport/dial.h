/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting to an address, and the TLS handshake behind it where one is wanted, in steps as those of
 * connect.h and tls.h: one thread can wait for many. By a fabric in place of a socket it is fabric-dial.h.
 */
#ifndef TRANSPORT_DIAL_H
#define TRANSPORT_DIAL_H

#include "transport/connect.h"
#include "transport/tls.h"

#define DIAL_WHY_MAX TLS_WHY_MAX

struct dial;

/* Where to, and how; it stays the caller's. */
struct dial_to {
	const struct address *at;
	const struct tls_config *tls; /* NULL: clear text */
	const char *provider;	      /* of a fabric; "": by a socket */
};

/*
 * The files of TLS are read here, so that each connection has what they say now. A fabric gives up at the
 * deadline by itself. 0, or a negative errno; what is wrong with the files is told by the first step.
 */
int dial_start(const struct dial_to *to, int64_t deadline, struct dial **ret);
/* As connector_fd() and connector_due(). */
int dial_fd(const struct dial *d, short *events);
int64_t dial_due(const struct dial *d);
/* 1: done, and *ret is the transport; 0: not yet; a negative errno: it failed, for good. */
int dial_step(struct dial *d, struct transport **ret);
/* Why it failed, in one line. */
const char *dial_why(const struct dial *d);
void dial_free(struct dial *d); /* NULL is fine; at any time */

/* The whole of it. -ETIMEDOUT after the deadline; why (DIAL_WHY_MAX bytes) may be NULL. */
int transport_dial(const struct dial_to *to, int64_t deadline, struct transport **ret, char *why);

#endif
