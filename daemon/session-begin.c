/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-begin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/admit.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/session-end.h"
#include "daemon/session-new.h"
#include "daemon/session-tell.h"
#include "daemon/spares.h"

#define SCOUT_NS (20 * NS_PER_S)	  /* to look at all devices there are */
#define REFUSE_NS (10 * NS_PER_S)	  /* for one to start, and to say why its peer is refused */
#define GRACE_NS NS_PER_S		  /* for one to say itself that its peer took too long */
#define DISMISSED_NS (2 * NS_PER_S)	  /* for a stranger to read why he stays one */
#define BEARER_NS (10 * NS_PER_S)	  /* for who knocked to come to his worker, which counts it */
#define STRANGER_NS NS_PER_S		  /* one is left so long to shake hands, whoever waits */

/* He keeps his place among the strangers, for he has a worker still. */
void session_dismiss(struct session *s)
{
	s->stranger = false;
	s->refused = s->dismissed = true;
	s->kill_at = clock_deadline(DISMISSED_NS);
	log_about(s->origin, "session %u: %s is not let in: %s", s->id, s->info.peer, s->ended);
}

/* What becomes of a session whose peer is known. */
static void settle(struct sessions *all, struct session *s, const struct policy_rule *rule,
		   const char *refuse)
{
	session_judged(all, s->kind, rule, refuse);
	origin_of_principal(s->info.principal, s->counts_as);
	s->refused = *refuse;
	if (rule && !*refuse && !policy_rule_copy(rule, &s->rule))
		session_kill(s, "there is no memory for its rule");
	s->allow = s->rule.allow;
	s->sees_all = rule && policy_rule_shows_all(rule);
	if (*refuse) /* its worker has no longer than it takes to say so */
		s->kill_at = clock_deadline((int64_t)all->config->limits.hello_ms * NS_PER_MS + REFUSE_NS);
	if (*refuse)
		log_about(s->info.principal, "session %u: %s (%s) is refused: %s", s->id,
			  s->info.principal, s->info.peer, refuse);
	else
		log_about(s->info.principal, "session %u: %s (%s)", s->id, s->info.principal, s->info.peer);
}

/* A stranger's worker says who he is: his certificate was good. */
void session_introduce(struct sessions *all, struct session *s, const char *principal)
{
	const struct policy_rule *rule;
	struct channel_message start;
	char refuse[CHANNEL_WHY_MAX];
	bool good = !strncmp(principal, "tls:", 4), many = admit_no_more_refusals(all);

	for (const char *c = principal; *c && good; c++)
		good = *c > ' ' && *c < 0x7f && *c != '*';
	if (!good) {
		session_kill(s, "its worker told a principal that is none");
		return;
	}
	rule = policy_find(&all->config->policy, principal);
	admit_why_not(all, principal, rule, refuse, sizeof(refuse));
	s->stranger = false;
	s->admit_by = INT64_MAX;
	snprintf(s->info.principal, sizeof(s->info.principal), "%s", principal);
	s->log.who = s->info.principal;
	settle(all, s, rule, refuse);
	if (*refuse && many) {
		session_kill(s, "others are being told why they are refused");
		return;
	}
	admit_start(all, s, rule, refuse, &start);
	session_send(s, &start, -1);
}

/* Takes the session over: into the list, or, when it cannot be, away. */
static bool begin(struct sessions *all, struct session *s, int fd, const struct channel_message *start,
		  const struct credentials *credentials)
{
	int rc = session_launch(all, s, fd, start, credentials);

	if (rc) {
		all->metrics.refused[METRICS_NOT_STARTED]++;
		log_warning_about(s->info.principal, "session %u: %s (%s): no worker could be started: %s",
				  s->id, s->info.principal, s->info.peer, strerror(-rc));
		session_free(s);
		return false;
	}
	s->next = all->first;
	all->first = s;
	return true;
}

/* A worker without a peer, whom nobody can talk into anything. */
void session_begin_scout(struct sessions *all, struct daemon_config *config)
{
	CLEANUP_CLOSE int null = sys_open("/dev/null", O_RDWR, 0);
	struct session *s = null < 0 ? NULL : session_new_scout(all, config);
	struct scout *scout = &config->plugin_set->scout;
	struct channel_message start;

	scout_started(scout);
	if (s) {
		s->kill_at = clock_deadline(SCOUT_NS);
		admit_start(all, s, NULL, "", &start);
		start.start.scout = 1;
	}
	if (!s || !begin(all, s, null, &start, NULL))
		scout_ended(scout);
}

/* A spare that has a peer now. */
static void know(struct session *s, const struct peer *peer, unsigned int kind, const char *principal)
{
	s->kind = kind;
	snprintf(s->info.principal, sizeof(s->info.principal), "%s", principal);
	snprintf(s->info.peer, sizeof(s->info.peer), "%.127s", peer->text);
}

/* By a worker that has a fabric already, when one is ready. */
void sessions_begin(struct sessions *all, size_t listen, int fd, const struct peer *peer,
		    const char *principal)
{
	const struct policy_rule *rule = policy_find(&all->config->policy, principal);
	CLEANUP_CLOSE int mine = fd;
	struct channel_message start;
	char refuse[CHANNEL_WHY_MAX];
	struct session *spare, *s;

	admit_why_not(all, principal, rule, refuse, sizeof(refuse));
	if (*refuse && admit_no_more_refusals(all)) {
		session_judged(all, peer->kind, rule, refuse);
		log_about(principal, "%s (%s): %s; closed without a word, as many are", principal, peer->text,
			  refuse);
		return;
	}
	spare = *refuse ? NULL : spares_take(all, spares_of_listener(all, listen));
	s = spare ? spare : session_new(all, peer, principal);
	if (!s)
		return;
	if (spare)
		know(s, peer, peer->kind, principal);
	admit_start(all, s, rule, refuse, &start);
	if (spare)
		session_send(s, &start, mine);
	if (spare || begin(all, s, mine, &start, NULL))
		settle(all, s, rule, refuse);
}

/* ---- strangers ---- */

bool sessions_room_for_stranger(struct sessions *all, const char *origin, bool *share)
{
	struct session *s = admit_in_the_way(all, origin, share);
	char why[ORIGIN_MAX + 64];

	if (!s)
		return true;
	if (!s->dismissed && s->since + STRANGER_NS > clock_now_ns())
		return false;
	snprintf(why, sizeof(why), "others%s%s waited for their turn to shake hands", *share ? " from " : "",
		 *share ? origin : "");
	session_kill(s, why);
	s->stranger = s->dismissed = false; /* it counts no more */
	s->refused = true;
	return true;
}

/* Whatever was there when they were last whole and good. True: others have come in their place. */
static bool look_at(struct credentials *credentials)
{
	char why[TLS_WHY_MAX];
	int rc = credentials_look(credentials, why);

	if (rc < 0)
		log_warning("\"tls\": %s; the files stay those that were good", why);
	else if (rc)
		log_line("\"tls\": %s and what belongs to it are read again", credentials->files->cert);
	return rc > 0;
}

static void be_stranger(const struct sessions *all, struct session *s, const struct peer *peer)
{
	snprintf(s->info.peer, sizeof(s->info.peer), "%.127s", peer->text);
	s->stranger = true;
	s->kind = peer->kind;
	origin_of(peer, s->origin);
	s->since = clock_now_ns();
	s->admit_by = clock_deadline((int64_t)all->config->limits.preauth_ms * NS_PER_MS + GRACE_NS);
}

/* A worker with a fabric when one is ready, else one without. */
void sessions_begin_stranger(struct sessions *all, int fd, const struct peer *peer,
			     struct credentials *credentials)
{
	const struct spares *spares = spares_of(all, credentials);
	CLEANUP_CLOSE int mine = fd;
	struct channel_message start;
	struct session *spare, *s;

	if (look_at(credentials))
		spares_renew(all, spares);
	spare = spares_take(all, spares);
	s = spare ? spare : session_new(all, peer, "");
	if (!s)
		return;
	be_stranger(all, s, peer);
	admit_start_stranger(all, s, credentials, &start);
	if (spare) {
		session_send(s, &start, mine);
		return;
	}
	if (spares) {
		all->metrics.spares_missed++;
		log_about(s->origin, "session %u: %s: content of its buffers goes by the connection: no "
			  "worker with a fabric was ready", s->id, peer->text);
	}
	begin(all, s, mine, &start, credentials);
}

/* ---- who knocks at a fabric ---- */

/* One that is ready waits for him: it knows by what, and so does he. */
static void send_bearer(struct sessions *all, struct session *s, struct channel_message *start,
			struct door_answer *ret)
{
	all->metrics.accepted[METRICS_RDMA]++;
	start->start.bearer = 1;
	memcpy(start->start.token, ret->token, sizeof(ret->token));
	memcpy(start->start.proof, ret->proof, sizeof(ret->proof));
	ret->port = s->port;
	session_send(s, start, -1);
}

static enum door_code stranger_knocks(struct sessions *all, const struct spares *of, const struct peer *peer,
				      struct door_answer *ret)
{
	struct channel_message start;
	char origin[ORIGIN_MAX];
	struct session *s;
	bool share;

	if (look_at(of->credentials))
		spares_renew(all, of);
	if (!spares_ready(all, of))
		return DOOR_AGAIN;
	origin_of(peer, origin);
	if (!sessions_room_for_stranger(all, origin, &share))
		return DOOR_BUSY;
	s = spares_take(all, of);
	be_stranger(all, s, peer);
	s->kind = METRICS_RDMA;
	s->admit_by += BEARER_NS;
	admit_start_stranger(all, s, of->credentials, &start);
	send_bearer(all, s, &start, ret);
	return DOOR_COME;
}

/* In clear text, as over tcp: he is whose address he has. */
static enum door_code known_knocks(struct sessions *all, const struct spares *of, const struct peer *peer,
				   struct door_answer *ret)
{
	const char *fixed = all->config->listen[of->listen].principal;
	char principal[POLICY_PRINCIPAL_MAX], refuse[CHANNEL_WHY_MAX];
	const struct policy_rule *rule;
	struct channel_message start;
	struct session *s;

	snprintf(principal, sizeof(principal), "%s", fixed);
	if (!*fixed && listeners_principal(peer, principal))
		return DOOR_DENIED;
	rule = policy_find(&all->config->policy, principal);
	admit_why_not(all, principal, rule, refuse, sizeof(refuse));
	if (*refuse) {
		session_judged(all, METRICS_RDMA, rule, refuse);
		log_about(principal, "%s (%s) is refused: %s", principal, peer->text, refuse);
		return rule && rule->num_see ? DOOR_BUSY : DOOR_DENIED;
	}
	s = spares_take(all, of);
	if (!s)
		return DOOR_AGAIN;
	know(s, peer, METRICS_RDMA, principal);
	admit_start(all, s, rule, "", &start);
	send_bearer(all, s, &start, ret);
	settle(all, s, rule, "");
	return DOOR_COME;
}

void sessions_knock(struct sessions *all, size_t listen, const struct peer *peer, struct door_answer *ret)
{
	const struct spares *of = spares_of_listener(all, listen);

	*ret = (struct door_answer){ .code = DOOR_AGAIN };
	if (!of || getrandom(ret->token, DOOR_SECRET, GRND_NONBLOCK) != DOOR_SECRET ||
	    getrandom(ret->proof, DOOR_SECRET, GRND_NONBLOCK) != DOOR_SECRET)
		return;
	ret->code = of->credentials ? stranger_knocks(all, of, peer, ret) : known_knocks(all, of, peer, ret);
}
