/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fabric whose two ends are in this process, in place of transport/fabric*.c: the client moves bytes by the
 * keys that the exposer gave out, and what it writes arrives no sooner than it is fenced.
 */
#ifndef TESTS_UNIT_FAKE_FABRIC_H
#define TESTS_UNIT_FAKE_FABRIC_H

#include "rpc/server/server.h"

extern const struct rpc_exposer fake_exposer;

/* What was done since the last reset. */
struct fake_fabric {
	unsigned int connects, registered; /* now registered by the client */
	unsigned int exposed;		   /* now */
	unsigned int forgotten;		   /* connections, by a child */
	uint64_t read, written;		   /* bytes */
	uint64_t fetches, fetched;	   /* reads of more than a word; of how many the client has told */
};
struct fake_fabric fake_fabric_seen(void);
void fake_fabric_reset(void);
/* The next connection is refused, or somebody else takes it; or moves fail from now on. */
void fake_fabric_refuse(void);
void fake_fabric_impostor(void);
void fake_fabric_break(void);
/* Called when the client frees a connection, until the next reset. */
void fake_fabric_when_freed(void (*call)(void));

#endif
