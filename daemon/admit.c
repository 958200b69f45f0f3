/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/admit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/sandbox-start.h"
#include "daemon/sandbox.h"

#define REFUSED_MAX 8		/* peers at a time that are told why they are not served */

/* "": it is served. */
void admit_why_not(const struct sessions *all, const char *principal, const struct policy_rule *rule,
		   char *why, size_t len)
{
	const struct config_limits *limits = &all->config->limits;
	uint32_t total = 0, of_his = 0;
	char as[POLICY_PRINCIPAL_MAX];

	origin_of_principal(principal, as);
	for (const struct session *s = all->first; s; s = s->next) {
		total += session_serves(s);
		of_his += session_serves(s) && !strcmp(s->counts_as, as);
	}
	*why = 0;
	if (!rule)
		snprintf(why, len,
			 "opaed's policy has no rule for %s; add one there, as {\"principal\": \"%s\", "
			 POLICY_EXAMPLE_SEE ", " POLICY_EXAMPLE_ALLOW "}", principal, principal);
	else if (!rule->num_see)
		snprintf(why, len, "opaed's policy shows nothing to %s: \"see\" is empty in its rule",
			 principal);
	else if (total >= limits->connections)
		snprintf(why, len, "opaed has %u connections, the limit (\"connections\" of its limits)",
			 total);
	else if (of_his >= limits->per_principal)
		snprintf(why, len, "%s has %u connections, the limit (\"connections_per_principal\" of "
			 "opaed's limits)", as, of_his);
}

bool admit_no_more_refusals(const struct sessions *all)
{
	int n = 0;

	for (const struct session *s = all->first; s; s = s->next)
		n += s->refused && *s->info.principal;
	return n >= REFUSED_MAX;
}

/* What is the same for all. */
static void begin_start(const struct sessions *all, const struct session *s, struct channel_message *m)
{
	const struct config_limits *limits = &all->config->limits;

	memset(m, 0, sizeof(*m));
	m->type = CHANNEL_START;
	m->start = (struct channel_start){
		.session = s->id,
		.max_handles = limits->handles,
		.max_objects = limits->objects,
		.max_calls = limits->calls,
		.max_pinned = limits->buffer_bytes ? limits->buffer_bytes : 1, /* less than a page: none */
		.max_watched = limits->watch_bytes ? limits->watch_bytes : 1,
		.data = limits->buffer_bytes + limits->worker_bytes,
		.locked = sandbox_locked(limits),
		.max_events = limits->events,
		.spin_ns = limits->spin_us * NS_PER_US,
		.uid = sandbox_uid(all->config->worker_uid),
		.gid = all->config->worker_gid,
		.must = all->config->sandbox_required ? SANDBOX_ALL : SANDBOX_ALWAYS,
		.hello_ns = limits->hello_ms * NS_PER_MS,
		.preauth_ns = limits->preauth_ms * NS_PER_MS,
	};
	snprintf(m->start.rdma, sizeof(m->start.rdma), "%s", all->config->rdma);
	m->start.rdma_least = all->config->rdma_least;
	m->start.rdma_in_clear = all->config->rdma_in_clear;
	snprintf(m->start.principal, sizeof(m->start.principal), "%s", s->info.principal);
	snprintf(m->start.peer, sizeof(m->start.peer), "%s", s->info.peer);
	snprintf(m->start.host, sizeof(m->start.host), "%s", all->host);
}

void admit_start(const struct sessions *all, const struct session *s, const struct policy_rule *rule,
		 const char *refuse, struct channel_message *m)
{
	begin_start(all, s, m);
	snprintf(m->start.refuse, sizeof(m->start.refuse), "%s", refuse);
	if (*refuse || !rule)
		return;
	m->start.allow = rule->allow;
	m->start.num_see = rule->num_see;
	memcpy(m->start.see, rule->see, rule->num_see * sizeof(rule->see[0]));
}

/* The end of a path says more than its beginning. */
static void put_name(char *to, size_t room, const char *path)
{
	size_t len = strlen(path), skip = len < room ? 0 : len - room + 1;

	snprintf(to, room, "%s", path + skip);
}

static void put_names(const struct credentials *credentials, struct channel_message *m)
{
	for (int i = 0; i < CREDENTIALS; i++)
		if (credentials->name[i])
			put_name(m->start.tls[i], sizeof(m->start.tls[i]), credentials->name[i]);
}

void admit_start_spare(const struct sessions *all, const struct session *s, const struct spares *of,
		       struct channel_message *m)
{
	begin_start(all, s, m);
	m->start.spare = 1;
	m->start.bearer = all->config->listen[of->listen].rdma;
	snprintf(m->start.fabric_at, sizeof(m->start.fabric_at), "%.63s", of->at.host);
	if (of->credentials)
		put_names(of->credentials, m);
}

void admit_start_stranger(const struct sessions *all, const struct session *s,
			  const struct credentials *credentials, struct channel_message *m)
{
	begin_start(all, s, m);
	m->start.rdma[0] = '\0'; /* what it takes to load is not for who may be anybody */
	put_names(credentials, m);
}

struct strangers {
	uint32_t num;
	struct session *oldest; /* of those who are dismissed, if there are any */
};

static void count(struct strangers *n, struct session *s)
{
	n->num++;
	if (!n->oldest || s->dismissed >= n->oldest->dismissed)
		n->oldest = s;
}

struct session *admit_in_the_way(const struct sessions *all, const char *origin, bool *share)
{
	uint32_t most = all->config->limits.preauth_connections;
	struct strangers there = { 0 }, total = { 0 };

	for (struct session *s = all->first; s; s = s->next) { /* the latest is first */
		if (!s->stranger && !s->dismissed)
			continue;
		count(&total, s);
		if (!strcmp(s->origin, origin))
			count(&there, s);
	}
	*share = there.num >= origin_share(most);
	return *share ? there.oldest : total.num >= most ? total.oldest : NULL;
}
