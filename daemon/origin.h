/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a stranger comes from: what one machine, or one user of this one, has but once. */
#ifndef DAEMON_ORIGIN_H
#define DAEMON_ORIGIN_H

#include <stdint.h>

#include "daemon/policy.h"
#include "transport/listen.h"

#define ORIGIN_MAX 64

/* "10.0.0.7"; "2001:db8:1:2::/64", for who has one of these has them all; "uid 1000"; "cid 4". */
void origin_of(const struct peer *peer, char out[ORIGIN_MAX]);

/* As whom a principal counts for limits: of clear text, as his origin ("tcp:2001:db8:1:2::/64"). */
void origin_of_principal(const char *principal, char out[POLICY_PRINCIPAL_MAX]);

/* How many of so many places those of one origin may have. */
static inline uint32_t origin_share(uint32_t places)
{
	return places > 1 ? places / 2 : 1;
}

#endif
