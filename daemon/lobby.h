/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where peers wait of whom nobody knows who they are: until the first byte of each is there no process is
 * started for it, and then only so many shake hands at a time. A peer that says nothing costs a descriptor,
 * and that for a limited time; when too many do, the one that has waited longest goes. Those of one origin
 * (daemon/origin.h) have half of the places at most, here and where hands are shaken: when that is too few
 * for them, they make room for each other. Nothing is read here.
 */
#ifndef DAEMON_LOBBY_H
#define DAEMON_LOBBY_H

#include "daemon/credentials.h"
#include "daemon/session.h"

#define LOBBY_TAG (UINT64_C(4) << 32)
#define LOBBY_MAX 1024u

struct guest;

struct lobby {
	struct sessions *sessions;
	int poll; /* an epoll descriptor: a guest is there as LOBBY_TAG and its number */
	struct guest *first, *last; /* in the order in which they came */
	uint32_t num, next;
	int64_t tell_closed_at, tell_waits_at; /* not before, there is another line of that kind */
};

/* Takes fd over. */
void lobby_enter(struct lobby *l, int fd, const struct peer *peer, struct credentials *credentials);
/* The guest with this tag has said something, or gone. */
void lobby_serve(struct lobby *l, uint64_t tag);
/* What is due; and the next deadline. */
void lobby_tick(struct lobby *l);
int64_t lobby_deadline(const struct lobby *l);
void lobby_close(struct lobby *l);

#endif
