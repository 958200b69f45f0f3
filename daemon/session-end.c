/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-end.h"

#include <stdio.h>
#include <sys/wait.h>

#include "daemon/log.h"
#include "daemon/spares.h"

void session_judged(struct sessions *all, unsigned int kind, const struct policy_rule *rule,
		    const char *refuse)
{
	struct metrics *m = &all->metrics;

	if (*refuse)
		m->refused[rule && rule->num_see ? METRICS_BY_LIMIT : METRICS_BY_POLICY]++;
	else
		m->started[kind]++;
}

static void tell_of_end(const struct session *s, int status)
{
	const struct rpc_session_info *i = &s->info;
	char how[64] = "", program[sizeof(i->program) + 16] = "";

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "its worker died of signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(how, sizeof(how), "its worker ended with code %d", WEXITSTATUS(status));
	else if (!*s->ended)
		snprintf(how, sizeof(how), "its worker gave no reason");
	if (*i->program)
		snprintf(program, sizeof(program), "; program %s", i->program);
	if (s->scout || (s->refused && !WIFSIGNALED(status) && !WEXITSTATUS(status)))
		return; /* that was told, or concerns nobody */
	log_about(i->principal, "session %u: ended: %s%s%s%s, %llu s, %llu frames", s->id, s->ended,
		  *s->ended && *how ? "; " : "", how, program, (unsigned long long)i->seconds,
		  (unsigned long long)i->frames);
}

void session_ended(struct sessions *all, struct session *s, int status)
{
	if (s->spare) {
		spares_died(all, s, status);
		return;
	}
	tell_of_end(s, status);
	if (session_serves(s)) {
		metrics_end(&all->metrics, &s->counted, s->id, s->said_end, status);
		return;
	}
	all->metrics.refused[METRICS_UNKNOWN] += !s->scout && !*s->info.principal;
	metrics_death(&all->metrics, status);
}
