/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/spares.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/admit.h"
#include "daemon/config-rdma.h"
#include "daemon/intake.h"
#include "daemon/log.h"
#include "daemon/session-new.h"
#include "daemon/session-tell.h"

#define READY_NS (20 * NS_PER_S)    /* to open its fabric, on a machine that is loaded */
#define PAUSE_MIN (100 * NS_PER_MS) /* behind one that did not get ready, doubled each time up to: */
#define PAUSE_MAX (30 * NS_PER_S)

static const struct spares *find(const struct sessions *all, uint32_t id)
{
	for (size_t i = 0; i < all->num_spares; i++)
		if (all->spares[i].id == id)
			return &all->spares[i];
	return NULL;
}

const struct spares *spares_of(const struct sessions *all, const struct credentials *c)
{
	for (size_t i = 0; i < all->num_spares; i++)
		if (c && all->spares[i].credentials == c)
			return &all->spares[i];
	return NULL;
}

const struct spares *spares_of_listener(const struct sessions *all, size_t listen)
{
	for (size_t i = 0; i < all->num_spares; i++)
		if (all->spares[i].listen == listen)
			return &all->spares[i];
	return NULL;
}

/* ---- which there are to be ---- */

static void let_go(struct session *s)
{
	s->spare = SPARE_LET_GO;
	session_kill(s, "nobody needs it");
}

void spares_end(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next)
		if (s->spare && s->spare != SPARE_LET_GO)
			let_go(s);
	for (size_t i = 0; i < all->num_spares; i++)
		credentials_unref(all->spares[i].credentials);
	free(all->spares);
	all->spares = NULL;
	all->num_spares = 0;
}

/*
 * At an address that stands for several there are none, which is refused of listeners with "tls": who is
 * known before anything is begun for him gets a worker that opens its fabric where he has come to.
 */
static bool is_wanted(const struct daemon_config *c, const struct config_listen *l, struct address *at)
{
	if (!*c->rdma || !(l->rdma || c->rdma_spare))
		return false;
	if (!config_rdma_at(c, l, at) || config_rdma_is_any(at->host))
		return false;
	return l->rdma || c->rdma_in_clear || address_is_loopback(at);
}

void spares_configure(struct sessions *all, const struct listeners *l)
{
	const struct daemon_config *c = all->config;

	spares_end(all);
	all->spares = calloc(c->num_listen + 1, sizeof(*all->spares));
	for (size_t i = 0; all->spares && i < c->num_listen; i++) {
		struct spares *s = &all->spares[all->num_spares];

		if (!is_wanted(c, &c->listen[i], &s->at))
			continue;
		do
			s->id = ++all->last_spares;
		while (!s->id || s->id == SPARE_LET_GO);
		s->listen = i;
		s->credentials = credentials_ref(l->all[i].credentials);
		all->num_spares++;
	}
	all->spare_at = 0;
	all->spare_pause = PAUSE_MIN;
}

void spares_renew(struct sessions *all, const struct spares *of)
{
	for (struct session *s = all->first; s; s = s->next)
		if (of && s->spare == of->id)
			let_go(s);
}

/* ---- one ---- */

static void wait_longer(struct sessions *all)
{
	all->spare_at = clock_deadline(all->spare_pause);
	all->spare_pause = all->spare_pause * 2 < PAUSE_MAX ? all->spare_pause * 2 : PAUSE_MAX;
}

static int start(struct sessions *all, const struct spares *of)
{
	const struct peer nobody = { .kind = ADDRESS_TCP };
	CLEANUP_CLOSE int null = sys_open("/dev/null", O_RDWR, 0);
	struct session *s = null < 0 ? NULL : session_new(all, &nobody, "");
	struct channel_message m;
	int rc;

	if (!s)
		return null < 0 ? null : -ENOMEM;
	s->refused = true; /* it serves nobody */
	s->spare = of->id;
	s->kill_at = clock_deadline(READY_NS);
	admit_start_spare(all, s, of, &m);
	rc = session_launch(all, s, null, &m, of->credentials);
	if (rc) {
		session_free(s);
		return rc;
	}
	s->next = all->first;
	all->first = s;
	return 0;
}

void spares_hear(struct sessions *all, struct session *s, int64_t port)
{
	if (s->ready || port < 0 || port > UINT16_MAX) {
		session_kill(s, "its worker told what makes no sense");
		return;
	}
	s->ready = true;
	s->port = (uint16_t)port;
	s->kill_at = INT64_MAX;
	all->spare_pause = PAUSE_MIN;
}

void spares_died(struct sessions *all, struct session *s, int status)
{
	char how[64];

	if (!find(all, s->spare))
		return;
	metrics_death(&all->metrics, status);
	wait_longer(all);
	snprintf(how, sizeof(how), WIFSIGNALED(status) ? "it died of signal %d" : "it ended with code %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_warning("session %u: a worker with a fabric could not be kept ready: %s; the next try is in "
		    "%lld ms", s->id, *s->ended ? s->ended : how,
		    (long long)((all->spare_at - clock_now_ns() + NS_PER_MS - 1) / NS_PER_MS));
}

static struct session *find_ready(const struct sessions *all, const struct spares *of)
{
	for (struct session *s = all->first; s; s = s->next)
		if (of && s->spare == of->id && s->ready && s->channel >= 0)
			return s;
	return NULL;
}

bool spares_ready(const struct sessions *all, const struct spares *of)
{
	return find_ready(all, of);
}

struct session *spares_take(struct sessions *all, const struct spares *of)
{
	struct session *s = find_ready(all, of);

	if (s) {
		s->spare = 0;
		s->refused = false;
	}
	return s;
}

/* ---- time ---- */

static bool is_starting(const struct sessions *all)
{
	for (const struct session *s = all->first; s; s = s->next)
		if (s->spare && s->spare != SPARE_LET_GO && !s->ready)
			return true;
	return false;
}

/* The first of them that lacks one; NULL: all is as it is to be. */
static const struct spares *lacking(const struct sessions *all)
{
	uint32_t most = all->config->rdma_spare ? all->config->rdma_spare : 1, n;

	for (size_t i = 0; i < all->num_spares; i++) {
		n = 0;
		for (const struct session *s = all->first; s; s = s->next)
			n += s->spare == all->spares[i].id;
		if (n < most)
			return &all->spares[i];
	}
	return NULL;
}

void spares_tick(struct sessions *all)
{
	const struct spares *of = is_starting(all) || clock_now_ns() < all->spare_at ? NULL : lacking(all);
	bool room = of && intake_has_room(all->poll); /* else what is left is for the sessions there are */
	int rc = room ? start(all, of) : 0;

	if (of && (!room || rc))
		wait_longer(all);
	if (rc)
		log_warning("a worker with a fabric cannot be started now: %s", strerror(-rc));
}

int64_t spares_deadline(const struct sessions *all)
{
	return !all->num_spares || is_starting(all) || !lacking(all) ? INT64_MAX : all->spare_at;
}
