/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/lobby.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/origin.h"

#define TRY_NS (100 * NS_PER_MS) /* whether there is room for who waits for his turn */
#define TELL_NS (5 * NS_PER_S)   /* between two lines about an origin that has its share */
#define FULL_MAX 4		 /* more origins cannot have all that there is for them */

struct guest {
	struct guest *next, *prev;
	uint32_t number;
	int fd;
	bool knocks; /* its first byte is there, or its end */
	struct peer peer;
	char origin[ORIGIN_MAX];
	struct credentials *credentials;
	int64_t leave_at;
};

/* Takes it out of the list; fd and credentials are the caller's then. */
static void take(struct lobby *l, struct guest *g)
{
	*(g->prev ? &g->prev->next : &l->first) = g->next;
	*(g->next ? &g->next->prev : &l->last) = g->prev;
	l->num--;
	epoll_ctl(l->poll, EPOLL_CTL_DEL, g->fd, NULL);
}

static void leave(struct lobby *l, struct guest *g)
{
	take(l, g);
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

/* Once in a while, however often it is so. */
static bool may_tell(int64_t *at)
{
	if (clock_now_ns() < *at)
		return false;
	*at = clock_deadline(TELL_NS);
	return true;
}

/* Who has waited longest makes room; when the newcomer's origin has its share, who has of that origin. */
static void make_room(struct lobby *l, const char *origin)
{
	uint32_t there = 0, share = origin_share(most());
	struct guest *longest = NULL;

	for (struct guest *g = l->last; g; g = g->prev)
		if (!strcmp(g->origin, origin)) {
			there++;
			longest = g;
		}
	if (there >= share) {
		if (may_tell(&l->tell_closed_at))
			log_line("%s has %u connections that have not said who they are, half of the places: "
				 "the one that has waited longest is closed for the next", origin, there);
		l->sessions->metrics.refused[METRICS_SILENT]++;
		leave(l, longest);
	}
	while (l->num >= most()) {
		l->sessions->metrics.refused[METRICS_SILENT]++;
		leave(l, l->first);
	}
}

void lobby_enter(struct lobby *l, int fd, const struct peer *peer, struct credentials *credentials)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };

	if (!g) {
		sys_close(fd);
		return;
	}
	origin_of(peer, g->origin);
	make_room(l, g->origin);
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
	g->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = g;
	l->last = g;
	l->num++;
}

/* Who has gone needs no worker; and nobody shakes hands who has closed his half. */
static bool has_gone(const struct guest *g)
{
	struct pollfd p = { .fd = g->fd, .events = POLLRDHUP };

	return sys_poll(&p, 1, 0) > 0;
}

static bool is_among(const char *origin, const char *const *full, size_t num)
{
	for (size_t i = 0; i < num; i++)
		if (!strcmp(full[i], origin))
			return true;
	return false;
}

static void begin(struct lobby *l, struct guest *g)
{
	take(l, g);
	sessions_begin_stranger(l->sessions, g->fd, &g->peer, g->credentials);
	credentials_unref(g->credentials);
	free(g);
}

static void tell_that_it_waits(struct lobby *l, const struct guest *g)
{
	if (may_tell(&l->tell_waits_at))
		log_line("%s waits for its turn to shake hands: %s has half of the places", g->peer.text,
			 g->origin);
}

/*
 * As far as there is room, the last who came first: where more come than there is room for, who has waited
 * for long has given up by the time that it is his turn, or never meant it.
 */
static void let_in(struct lobby *l)
{
	const char *full[FULL_MAX];
	struct guest *g, *before;
	size_t num = 0;
	bool share;

	for (g = l->last; g && num < FULL_MAX; g = before) {
		before = g->prev;
		if (!g->knocks || is_among(g->origin, full, num))
			continue;
		if (has_gone(g)) {
			leave(l, g);
		} else if (sessions_room_for_stranger(l->sessions, g->origin, &share)) {
			begin(l, g);
		} else {
			if (share)
				tell_that_it_waits(l, g);
			full[num++] = g->origin;
		}
	}
}

void lobby_serve(struct lobby *l, uint64_t tag)
{
	struct guest *g = l->first;

	while (g && g->number != (uint32_t)tag)
		g = g->next;
	if (g && has_gone(g))
		leave(l, g);
	else if (g)
		g->knocks = true;
	let_in(l);
}

void lobby_tick(struct lobby *l)
{
	int64_t now = clock_now_ns();

	while (l->first && l->first->leave_at <= now) {
		log_about(l->first->origin, "%s said nothing, or waited for its turn, for %u ms: closed",
			  l->first->peer.text, l->sessions->config->limits.preauth_ms);
		l->sessions->metrics.refused[METRICS_SILENT]++;
		leave(l, l->first);
	}
	let_in(l);
}

int64_t lobby_deadline(const struct lobby *l)
{
	int64_t next = l->first ? l->first->leave_at : INT64_MAX, again = clock_deadline(TRY_NS);

	for (const struct guest *g = l->first; g && again < next; g = g->next)
		if (g->knocks)
			return again;
	return next;
}

void lobby_close(struct lobby *l)
{
	while (l->first)
		leave(l, l->first);
}
