/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/lobby.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"

struct guest {
	struct guest *next;
	uint32_t number;
	int fd;
	bool knocks; /* its first byte is there, or its end */
	struct peer peer;
	struct credentials *credentials;
	int64_t leave_at;
};

/* Takes it out of the list; fd and credentials are the caller's then. */
static struct guest *take(struct lobby *l, struct guest **at)
{
	struct guest *g = *at;

	*at = g->next;
	if (l->last == g) {
		l->last = NULL;
		for (struct guest *i = l->first; i; i = i->next)
			l->last = i;
	}
	l->num--;
	epoll_ctl(l->poll, EPOLL_CTL_DEL, g->fd, NULL);
	return g;
}

static void leave(struct lobby *l, struct guest **at)
{
	struct guest *g = take(l, at);

	sys_close(g->fd);
	credentials_unref(g->credentials);
	free(g);
}

/* Descriptors are for those who are served, too. */
static uint32_t most(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur / 4 >= LOBBY_MAX ? LOBBY_MAX :
									      (uint32_t)(r.rlim_cur / 4);
}

void lobby_enter(struct lobby *l, int fd, const struct peer *peer, struct credentials *credentials)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };

	if (!g) {
		sys_close(fd);
		return;
	}
	while (l->num >= most()) {
		l->sessions->metrics.refused[METRICS_SILENT]++;
		leave(l, &l->first);
	}
	g->number = l->next++;
	e.data.u64 = LOBBY_TAG | g->number;
	if (epoll_ctl(l->poll, EPOLL_CTL_ADD, fd, &e)) {
		sys_close(fd);
		free(g);
		return;
	}
	g->fd = fd;
	g->peer = *peer;
	g->credentials = credentials_ref(credentials);
	g->leave_at = clock_deadline((int64_t)l->sessions->config->limits.preauth_ms * NS_PER_MS);
	if (l->last)
		l->last->next = g;
	else
		l->first = g;
	l->last = g;
	l->num++;
}

/* Who has gone needs no worker; and nobody shakes hands who has closed his half. */
static bool has_gone(const struct guest *g)
{
	struct pollfd p = { .fd = g->fd, .events = POLLRDHUP };

	return sys_poll(&p, 1, 0) > 0;
}

/* Who came last of those that knock; NULL: nobody does. */
static struct guest **latest(struct lobby *l)
{
	struct guest **found = NULL;

	for (struct guest **at = &l->first; *at; at = &(*at)->next)
		if ((*at)->knocks)
			found = at;
	return found;
}

/*
 * As far as there is room, the last who came first: where more come than there is room for, who has waited
 * for long has given up by the time that it is his turn, or never meant it.
 */
static void let_in(struct lobby *l)
{
	struct guest **at;

	while ((at = latest(l))) {
		struct guest *g;

		if (has_gone(*at)) {
			leave(l, at);
			continue;
		}
		if (!sessions_room_for_stranger(l->sessions))
			break;
		g = take(l, at);
		sessions_begin_stranger(l->sessions, g->fd, &g->peer, g->credentials);
		credentials_unref(g->credentials);
		free(g);
	}
}

void lobby_serve(struct lobby *l, uint64_t tag)
{
	struct guest **at = &l->first;

	while (*at && (*at)->number != (uint32_t)tag)
		at = &(*at)->next;
	if (*at && has_gone(*at))
		leave(l, at);
	else if (*at)
		(*at)->knocks = true;
	let_in(l);
}

void lobby_tick(struct lobby *l)
{
	int64_t now = clock_now_ns();

	while (l->first && l->first->leave_at <= now) {
		log_about("strangers", "%s said nothing, or waited for its turn, for %u ms: closed",
			  l->first->peer.text, l->sessions->config->limits.preauth_ms);
		l->sessions->metrics.refused[METRICS_SILENT]++;
		leave(l, &l->first);
	}
	let_in(l);
}

int64_t lobby_deadline(const struct lobby *l)
{
	int64_t room = INT64_MAX;

	for (const struct guest *g = l->first; g && room == INT64_MAX; g = g->next)
		if (g->knocks)
			room = sessions_room_at(l->sessions);
	return l->first && l->first->leave_at < room ? l->first->leave_at : room;
}

void lobby_close(struct lobby *l)
{
	while (l->first)
		leave(l, &l->first);
}
