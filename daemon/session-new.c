/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-new.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "daemon/spawn.h"
#include "daemon/watched.h"

struct session *session_find(struct sessions *all, uint32_t id)
{
	for (struct session *s = all->first; s; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

static uint32_t new_id(struct sessions *all)
{
	do
		all->next_id = all->next_id < SCOUT_IDS - 1 ? all->next_id + 1 : 1;
	while (session_find(all, all->next_id));
	return all->next_id;
}

static uint32_t new_scout_id(struct sessions *all)
{
	uint32_t id = SCOUT_IDS;

	while (session_find(all, id))
		id++;
	return id;
}

static struct session *new_record(const struct sessions *all, uint32_t id, struct daemon_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->channel = s->log.fd = -1;
	s->poll = s->log.poll = all->poll;
	s->kill_at = s->admit_by = INT64_MAX;
	s->id = s->info.id = id;
	s->config = config_hold(config);
	return s;
}

struct session *session_new_scout(struct sessions *all, struct daemon_config *config)
{
	struct session *s = new_record(all, new_scout_id(all), config);

	if (s)
		s->refused = s->scout = true;
	return s;
}

struct session *session_new(struct sessions *all, const struct peer *peer, const char *principal)
{
	struct session *s = new_record(all, new_id(all), all->config);

	if (!s)
		return NULL;
	s->kind = peer->kind;
	snprintf(s->info.principal, sizeof(s->info.principal), "%s", principal);
	snprintf(s->info.peer, sizeof(s->info.peer), "%.127s", peer->text);
	return s;
}

void session_free(struct session *s)
{
	watched_close(s->poll, &s->channel);
	worker_log_close(&s->log);
	counted_done(&s->counted);
	policy_rule_done(&s->rule);
	config_let_go(s->config);
	free(s);
}

int session_launch(struct sessions *all, struct session *s, int fd, const struct channel_message *start,
		   const struct credentials *credentials)
{
	struct spawn_files files = { .peer = fd, .plugins = s->config->plugin_set->file,
				     .tls = credentials ? credentials->fd : NULL };
	CLEANUP_CLOSE int theirs = -1;
	CLEANUP_CLOSE int log = -1;
	CLEANUP_CLOSE int counts =
		counted_new(&s->counted, start->start.max_pinned, start->start.max_handles);
	int rc = channel_pair(&s->channel, &theirs);

	if (!rc) /* without memory to count in it serves all the same */
		rc = channel_send(s->channel, start, counts);
	if (!rc)
		rc = worker_log_open(&s->log, s->id, s->stranger ? s->origin : s->info.principal, &log);
	if (!rc)
		rc = watched_add(s->poll, s->channel, s->id);
	if (!rc)
		rc = watched_add(s->poll, s->log.fd, WORKER_LOG_TAG | s->id);
	if (rc)
		return rc;
	files.channel = theirs;
	files.log = log;
	s->pid = spawn_worker(credentials ? all->worker_tls : all->worker, all->environment, &files);
	return s->pid < 0 ? s->pid : 0;
}
