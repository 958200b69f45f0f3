/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is let in: by the policy and the limits, for a peer that is known; and by what there is room for. */
#ifndef DAEMON_ADMIT_H
#define DAEMON_ADMIT_H

#include "daemon/channel.h"
#include "daemon/session.h"
#include "daemon/spares.h"

/* Why this principal, for whom there is that rule (or NULL), is not served; "": he is. */
void admit_why_not(const struct sessions *all, const char *principal, const struct policy_rule *rule,
		   char *why, size_t len);
/* Are so many being told why they are not served that one more is not? */
bool admit_no_more_refusals(const struct sessions *all);
/* The message that tells the worker of a known peer what it serves, or why not. */
void admit_start(const struct sessions *all, const struct session *s, const struct policy_rule *rule,
		 const char *refuse, struct channel_message *m);
/* The first one of a worker that has no peer yet. */
void admit_start_spare(const struct sessions *all, const struct session *s, const struct spares *of,
		       struct channel_message *m);
/* The first one of a stranger's. */
void admit_start_stranger(const struct sessions *all, const struct session *s,
			  const struct credentials *credentials, struct channel_message *m);
/*
 * Who has the place that a stranger from there needs: of those who are dismissed, or of all, the one who has
 * it longest. NULL: one is free. *share: those from there have as many as they may.
 */
struct session *admit_in_the_way(const struct sessions *all, const char *origin, bool *share);

#endif
