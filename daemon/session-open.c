/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-open.h"

#include <errno.h>

#include "daemon/gate.h"
#include "daemon/log.h"

int session_open(struct sessions *all, struct session *s, const struct channel_message *m)
{
	const struct daemon_config *c = all->config;
	const struct gate_who who = { s->scout ? NULL : &s->rule, c->cards, c->num_cards, &all->scout };
	const struct channel_path *p = &m->path;
	char why[GATE_WHY_MAX] = "what it asked for";
	int fd;

	if (m->type == CHANNEL_OPEN)
		fd = gate_open(&who, p->path, p->flags, p->mode, why);
	else
		fd = gate_connect(&who, p->path, p->flags, (const char *const *)c->paths, why);
	if (fd == -EACCES) {
		all->metrics.gate++;
		log_warning_about(s->info.principal, "session %u: its worker may not have %s", s->id,
				  p->path);
	}
	/* A worker tries what there is, so this is no alarm; once is enough to see why nothing is shown. */
	if (fd == -EPERM && !s->told_denied)
		log_about(s->info.principal, "session %u: its worker may not have %s (the rule is for %s)",
			  s->id, why, s->rule.principal);
	s->told_denied |= fd == -EPERM;
	return fd;
}
