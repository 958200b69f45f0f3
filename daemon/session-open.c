/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-open.h"

#include <errno.h>

#include "daemon/gate-look.h"
#include "daemon/log.h"

static const char *what(const struct channel_message *m)
{
	switch (m->type) {
	case CHANNEL_PERF:
		return "these counters";
	case CHANNEL_UEVENTS:
		return "the kernel's messages of devices";
	default:
		return m->path.path;
	}
}

bool session_may_say(const struct session *s, uint32_t type)
{
	if (type == CHANNEL_READY)
		return s->spare;
	return type == CHANNEL_PEER || type == CHANNEL_END || type == CHANNEL_MISSING || s->scout ||
	       session_serves(s);
}

void session_answer(struct sessions *all, struct session *s, const struct channel_message *m,
		    struct channel_message *answer, int *fd)
{
	const struct daemon_config *c = s->config;
	const struct gate_who who = { s->scout ? NULL : &s->rule, c->cards, c->num_cards,
				      &c->plugin_set->scout };
	char why[GATE_WHY_MAX] = "what it asked for";

	gate_answer(&who, m, (const char *const *)c->paths, answer, fd, why);
	if (answer->value == -EACCES && !s->scout) { /* a scout looks for an inventory that is nowhere */
		all->metrics.gate++;
		log_warning_about(s->info.principal, "session %u: its worker may not have %s", s->id,
				  what(m));
	}
	/* A worker tries what there is, so this is no alarm; once is enough to see why nothing is shown. */
	if (answer->value == -EPERM && !s->told_denied &&
	    (m->type == CHANNEL_OPEN || m->type == CHANNEL_CONNECT)) {
		log_about(s->info.principal, "session %u: its worker may not have %s (the rule is for %s)",
			  s->id, why, s->rule.principal);
		s->told_denied = true;
	}
}
