/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers that are ready before their peers come, each with a fabric that is open: to open one takes 0.3 s,
 * for libfabric's own start, which is not for who may be anybody, and cannot be done in a sandbox.
 *
 *	started --READY--> ready --START with a peer--> a session's, and another is started
 *
 * One is started at a time, so that whoever uses them up costs no more than that.
 */
#ifndef DAEMON_SPARES_H
#define DAEMON_SPARES_H

#include "daemon/listeners.h"
#include "daemon/session.h"

/* Those of one listener. */
struct spares {
	uint32_t id; /* never 0 */
	size_t listen; /* its index in the configuration */
	struct credentials *credentials; /* NULL: it is in clear text */
	struct address at;
};

/* For the configuration in force, whose listeners these are; those there were end. */
void spares_configure(struct sessions *all, const struct listeners *l);
/* They end, and no more are started. */
void spares_end(struct sessions *all);
/* Those that peers with these credentials, or of this listener, take; NULL: there are to be none. */
const struct spares *spares_of(const struct sessions *all, const struct credentials *c);
const struct spares *spares_of_listener(const struct sessions *all, size_t listen);
/* Is one ready? */
bool spares_ready(const struct sessions *all, const struct spares *of);
/* One that is ready, and is a spare no more: the caller makes it a session. NULL: none is. */
struct session *spares_take(struct sessions *all, const struct spares *of);
/* They have files of "tls" that are not in force any more. */
void spares_renew(struct sessions *all, const struct spares *of);
/* What its worker says, and its end, when it still is one. */
void spares_hear(struct sessions *all, struct session *s, int64_t port);
void spares_died(struct sessions *all, struct session *s, int status);
/* What is due; and the next deadline. */
void spares_tick(struct sessions *all);
int64_t spares_deadline(const struct sessions *all);

#endif
