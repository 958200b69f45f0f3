/* SPDX-License-Identifier: BSD-3-Clause */
/* A site with a CA and certificates, and both ends of a TLS connection in one process. */
#ifndef TESTS_UNIT_TLS_ENDS_H
#define TESTS_UNIT_TLS_ENDS_H

#include "base/clock.h"
#include "tests/unit/tls-rig.h"
#include "transport/tls-internal.h"

#define SOON clock_deadline(60 * NS_PER_S)

extern struct rig_ca site, stranger;

/* A folder with a certificate of each kind, and its end; for RIGGED(). */
int up(void **state);
int down(void **state);

struct tls_context *context(enum tls_side side, const char *stem, const char *ca, const char *crl,
			    const char *name);
struct tls_context *server(const char *stem);
struct tls_context *client(const char *stem); /* that wants card.site */

/* Two ends of a socket that holds little. */
void sockets(struct transport **a, struct transport **b);

struct end {
	struct tls_handshake *h;
	struct transport *t;
	int rc;
	char why[TLS_WHY_MAX];
};

struct ends {
	struct end client, server;
};

/* These take the contexts and the transports. */
void end_start(struct end *e, struct tls_context *c, struct transport *inner);
/* A step of an end; it goes when it has failed. */
void end_step(struct end *e);
/* Both ends on this thread, until each has done or failed. */
void shake(struct ends *e, struct tls_context *cc, struct tls_context *sc, struct transport *ci,
	   struct transport *si);
/* The same of "alice" and "server", who find each other well; over a loop with room for so much. */
void shaken(struct ends *e, struct transport *ci, struct transport *si);
void over_loop(struct ends *e, size_t room);
void part(struct ends *e);

int send_text(struct transport *t, const char *text);
/* At least a byte, or an error. */
ssize_t get(struct transport *t, void *to, size_t len);
void expect_text(struct transport *t, const char *text);
/* The end is as rc says, and for the reason that has this word in it; NULL: there is none. */
void expect_end(struct transport *t, int rc, const char *word);

#endif
