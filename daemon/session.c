/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session's record lives from the connection until its worker has been waited for. Everything happens on
 * the monitor's one thread, and nothing here waits: what a worker does not take at once it never gets, and is
 * killed for.
 */
#include "daemon/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/admit.h"
#include "daemon/channel.h"
#include "daemon/log.h"
#include "daemon/sandbox-start.h"
#include "daemon/session-begin.h"
#include "daemon/session-end.h"
#include "daemon/session-list.h"
#include "daemon/session-new.h"
#include "daemon/session-open.h"
#include "daemon/session-tell.h"
#include "daemon/spares.h"
#include "daemon/spawn.h"
#include "daemon/watched.h"
#include "wire/ops.h"

#define STOP_NS (5 * NS_PER_S)		  /* for a worker to end its session */
#define CLOSED_NS NS_PER_S		  /* for one that has closed its channel to die */
#define LOOK_NS (50 * NS_PER_MS)	  /* between two rounds of LOOK at least, */
#define LOOK_EACH_NS (5 * NS_PER_MS)	  /* and for each worker that is told */

int sessions_init(struct sessions *all, int poll)
{
	memset(all, 0, sizeof(*all));
	all->answer_at = INT64_MAX;
	metrics_process_init(&all->metrics_process);
	doors_init(&all->doors, poll);
	all->poll = poll;
	all->environment = spawn_environment();
	sandbox_probe();
	gethostname(all->host, sizeof(all->host) - 1);
	all->worker_tls = -1;
	all->worker = spawn_open_program(SPAWN_WORKER);
	return all->worker < 0 ? all->worker : all->environment ? 0 : -ENOMEM;
}

void sessions_done(struct sessions *all)
{
	metrics_process_done(&all->metrics_process);
	doors_done(&all->doors);
	spares_end(all);
	while (all->first) {
		struct session *s = all->first;

		all->first = s->next;
		session_free(s);
	}
	if (all->worker >= 0)
		sys_close(all->worker);
	if (all->worker_tls >= 0)
		sys_close(all->worker_tls);
	spawn_free_environment(all->environment);
}

/* ---- the end ---- */

static void stop(struct session *s, const char *why, int64_t kill_at)
{
	session_because(s, why);
	if (s->kill_at == INT64_MAX)
		session_send_word(s, CHANNEL_STOP, 0, 0, -1);
	if (kill_at < s->kill_at)
		s->kill_at = kill_at;
}

static void close_channel(struct session *s)
{
	watched_close(s->poll, &s->channel);
	s->asked = false;
	s->question = 0;
	if (s->kill_at == INT64_MAX)
		s->kill_at = clock_deadline(CLOSED_NS);
}

void sessions_stop(struct sessions *all, int64_t kill_at)
{
	doors_done(&all->doors);
	spares_end(all);
	for (struct session *s = all->first; s; s = s->next)
		if (s->refused || s->stranger) /* it has nothing but its peer to wait for */
			session_kill(s, "opaed ends");
		else
			stop(s, "opaed ends", s->scout ? 0 : kill_at); /* a scout has nothing to lose */
}

/* ---- changes ---- */

/* When it is to be told to look; INT64_MAX: it is not. It is to find what scouts have not found before. */
static int64_t look_time(const struct sessions *all, const struct session *s)
{
	int64_t sure_until = s->config->plugin_set->scout.sure_until;

	if (!s->look || s->looking || s->channel < 0 || !session_serves(s))
		return INT64_MAX;
	return sure_until > all->look_at ? sure_until : all->look_at;
}

/* All who are to look are told at once; and not again before they can have rested. */
static void push_looks(struct sessions *all)
{
	int64_t now = clock_now_ns(), rest = 0;

	for (struct session *s = all->first; s; s = s->next) {
		if (now < look_time(all, s))
			continue;
		s->look = false;
		s->looking = true;
		session_send_word(s, CHANNEL_LOOK, 0, 0, -1);
		rest += LOOK_EACH_NS;
	}
	if (rest)
		all->look_at = now + (rest < LOOK_NS ? LOOK_NS : rest);
}

/* They are told in sessions_tick(), once however many tell of something until then. */
static void let_others_look(struct sessions *all, const struct session *source)
{
	scout_look_again(&all->config->plugin_set->scout);
	for (struct session *s = all->first; s; s = s->next) {
		scout_look_again(&s->config->plugin_set->scout);
		s->look |= s != source;
	}
}

/* ---- which sessions there are ---- */

static void answer_questions(struct sessions *all)
{
	all->answer_at = INT64_MAX;
	for (struct session *s = all->first; s; s = s->next) {
		CLEANUP_CLOSE int fd = s->question ? session_list_file(all->first, s) : -1;

		if (s->question)
			session_send_word(s, CHANNEL_ANSWER, s->question, fd < 0 ? fd : 0, fd < 0 ? -1 : fd);
		s->question = 0;
	}
}

static void answer_when_all_are_heard(struct sessions *all)
{
	bool waiting = false;

	for (struct session *s = all->first; s; s = s->next)
		waiting |= s->asked;
	if (!waiting && all->answer_at != INT64_MAX)
		answer_questions(all);
}

static void ask_all(struct sessions *all, struct session *who, uint32_t question)
{
	who->question = question;
	if (all->answer_at == INT64_MAX)
		all->answer_at = clock_deadline(SESSION_LIST_NS);
	for (struct session *s = all->first; s; s = s->next)
		if (s->channel >= 0 && session_serves(s) && !s->asked) {
			s->asked = true;
			session_send_word(s, CHANNEL_ASK, 0, 0, -1);
		}
}

/* ---- what workers say ---- */

static void kick(struct sessions *all, struct session *who, const struct channel_message *m)
{
	bool is_id = m->value > 0 && m->value <= UINT32_MAX;
	struct session *s = is_id ? session_find(all, (uint32_t)m->value) : NULL;
	bool may = s && session_list_shows(who, s);

	session_send_word(who, CHANNEL_ANSWER, m->id, may ? 0 : -ENOENT, -1);
	if (!may)
		return;
	log_about(who->info.principal, "session %u: ended for session %u (%s)", s->id, who->id,
		  who->info.principal);
	stop(s, "it was kicked", clock_deadline(STOP_NS));
}

static void answer(struct sessions *all, struct session *s, const struct channel_message *m)
{
	CLEANUP_CLOSE int fd = -1;
	struct channel_message found;

	session_answer(all, s, m, &found, &fd);
	if (found.value == -EINPROGRESS && scout_wanted(&s->config->plugin_set->scout))
		session_begin_scout(all, s->config);
	session_send(s, &found, found.value ? -1 : fd);
}

static void hear(struct sessions *all, struct session *s, const struct channel_message *m)
{
	bool admin = (s->allow & WIRE_RIGHT_ADMIN) && session_serves(s);

	if (!session_may_say(s, m->type)) {
		session_kill(s, "its worker asked for something, and nobody is served by it");
		return;
	}
	switch (m->type) {
	case CHANNEL_PEER:
		if (s->stranger)
			session_introduce(all, s, m->peer.principal);
		break;
	case CHANNEL_SESSIONS:
		if (admin && m->id && !s->question)
			ask_all(all, s, m->id);
		else
			session_send_word(s, CHANNEL_ANSWER, m->id, -EACCES, -1);
		break;
	case CHANNEL_KICK:
		if (admin)
			kick(all, s, m);
		else
			session_send_word(s, CHANNEL_ANSWER, m->id, -EACCES, -1);
		break;
	case CHANNEL_CHANGED:
		let_others_look(all, s);
		break;
	case CHANNEL_SCOUTED:
		if (s->scout)
			scout_hear(&s->config->plugin_set->scout, &m->scouted);
		break;
	case CHANNEL_LOOKED:
		s->looking = false;
		break;
	case CHANNEL_INFO:
		session_list_learn(s, &m->info);
		s->asked = false;
		answer_when_all_are_heard(all);
		break;
	case CHANNEL_END:
		session_list_learn(s, &m->end.info);
		session_because(s, m->end.why);
		s->counted.end = m->end.rc;
		s->said_end = true;
		if (s->stranger)
			session_dismiss(s);
		break;
	case CHANNEL_READY:
		if (s->spare)
			spares_hear(all, s, m->value);
		break;
	case CHANNEL_MISSING:
		sandbox_told(s->id, m->value, m->id);
		break;
	default:
		answer(all, s, m);
		break;
	}
}

void sessions_serve(struct sessions *all, uint32_t id)
{
	struct session *s = session_find(all, id);
	struct channel_message m;
	int rc = s && s->channel >= 0 ? channel_receive(s->channel, &m, NULL) : -EAGAIN;

	if (rc == 1) {
		hear(all, s, &m);
		return;
	}
	if (rc == -EAGAIN)
		return;
	if (rc)
		session_kill(s, "its worker broke the rules of the channel");
	close_channel(s);
	answer_when_all_are_heard(all);
}

void sessions_read_log(struct sessions *all, uint32_t id)
{
	struct session *s = session_find(all, id);

	if (s)
		worker_log_read(&s->log);
}

/* ---- time and death ---- */

int64_t sessions_deadline(const struct sessions *all)
{
	int64_t next = all->answer_at, spare = spares_deadline(all), door = doors_deadline(&all->doors);

	next = spare < next ? spare : next;
	next = door < next ? door : next;
	if (all->metrics_process.start_at < next)
		next = all->metrics_process.start_at;
	for (const struct session *s = all->first; s; s = s->next) {
		next = s->kill_at < next ? s->kill_at : next;
		next = s->admit_by < next ? s->admit_by : next;
		next = look_time(all, s) < next ? look_time(all, s) : next;
	}
	return next;
}

void sessions_tick(struct sessions *all)
{
	int64_t now = clock_now_ns();

	for (struct session *s = all->first; s; s = s->next) {
		if (s->admit_by <= now) {
			s->admit_by = INT64_MAX;
			session_kill(s, "its worker took too long to find out who its peer is");
		}
		if (s->kill_at <= now) {
			if (!s->dismissed) /* his peer had the time to read */
				log_warning_about(s->info.principal, "session %u: its worker did not end "
						  "in time and is killed", s->id);
			session_kill(s, "its worker was killed");
			s->kill_at = INT64_MAX - 1;
		}
	}
	push_looks(all);
	if (all->answer_at <= now)
		answer_questions(all);
	metrics_process_tick(all);
	spares_tick(all);
	doors_tick(all);
}

/* What the channel still has comes first: why the session ended is in there, and what others must hear of. */
static void drain(struct sessions *all, struct session *s)
{
	struct channel_message m;

	for (int left = CHANNEL_LEFT_MAX; s->channel >= 0 && channel_left(s->channel, &m, &left);)
		if (m.type == CHANNEL_END || m.type == CHANNEL_CHANGED || m.type == CHANNEL_SCOUTED ||
		    m.type == CHANNEL_MISSING)
			hear(all, s, &m);
}

static void bury(struct sessions *all, pid_t pid, int status)
{
	for (struct session **at = &all->first; *at; at = &(*at)->next) {
		struct session *s = *at;

		if (s->pid != pid)
			continue;
		s->pid = 0;
		drain(all, s);
		worker_log_close(&s->log);
		session_ended(all, s, status);
		*at = s->next;
		if (s->scout)
			scout_ended(&s->config->plugin_set->scout);
		if (!s->said_end && session_serves(s)) /* what it held is free, and it told nobody */
			let_others_look(all, s);
		session_free(s);
		return;
	}
}

void sessions_reap(struct sessions *all)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!metrics_process_died(&all->metrics_process, pid, status) &&
		    !doors_died(&all->doors, pid, status))
			bury(all, pid, status);
	answer_when_all_are_heard(all);
}
