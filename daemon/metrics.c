/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/metrics.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/log.h"

void metrics_add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

void metrics_read(struct metrics *m, struct counted *c, uint32_t session)
{
	if (counted_read(c))
		return;
	m->wrong++;
	log_line("session %u: its worker's counters make no sense, and are read no more", session);
}

static enum metrics_end why(const struct counted *c, bool said_end)
{
	if (!said_end)
		return c->killed ? METRICS_KILLED : METRICS_DIED;
	switch (c->end) {
	case 0:
		return METRICS_PEER_GONE;
	case -ECANCELED:
		return METRICS_STOPPED;
	case -EPROTO:
	case -EMSGSIZE:
		return METRICS_PROTOCOL;
	case -ETIMEDOUT:
		return METRICS_TIMEOUT;
	case -EHOSTDOWN:
		return METRICS_HOST_DOWN;
	default:
		return METRICS_ERROR;
	}
}

void metrics_death(struct metrics *m, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) < NSIG)
		m->deaths[WTERMSIG(status)]++;
}

void metrics_end(struct metrics *m, struct counted *c, uint32_t session, bool said_end, int status)
{
	int64_t ns;

	metrics_read(m, c, session);
	for (size_t i = 0; i < RPC_TOTALS; i++)
		metrics_add(&m->gone[i], c->total[i]);
	m->ended[why(c, said_end)]++;
	metrics_death(m, status);
	ns = counted_since_end(c, clock_now_ns());
	if (ns < 0)
		return;
	metrics_add(&m->cleanup[0], (uint64_t)ns);
	m->cleanup[1 + rpc_bucket(ns)]++;
}

void metrics_reloaded(struct metrics *m, bool good, bool first)
{
	struct timespec now;

	m->reloads += good && !first;
	m->bad_reloads += !good;
	m->last_reload_bad = !good;
	if (!good)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	m->configured = (double)now.tv_sec + (double)now.tv_nsec / (double)NS_PER_S;
}
