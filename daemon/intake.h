/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking connections, and not taking them while descriptors have run out.
 *
 *	taking --no room--> pausing --2 s--> shedding
 *	   ^                   |                |
 *	   +------ room -------+----------------+
 *
 * A connection is taken only while some descriptors would be left for the sessions that there are: for the
 * devices that they open, and the list of sessions. Pausing, who comes waits in the kernel. Shedding, who
 * waits is let go, so that he knows; but who may administer is served from what was kept back. One
 * descriptor is held for the case that the whole machine has none left.
 */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "daemon/listeners.h"
#include "daemon/lobby.h"
#include "daemon/session.h"

struct intake {
	struct listeners *listeners;
	struct sessions *sessions;
	struct lobby *lobby;
	int spare;     /* -1: there is none at the moment */
	int64_t again; /* when it is tried again; INT64_MAX: it is not paused */
	int64_t since; /* no connection could be taken; INT64_MAX: the last one was */
};

/* 0 or a negative errno. The poll descriptor of the listeners must be open. */
int intake_init(struct intake *in, struct listeners *listeners, struct sessions *sessions,
		struct lobby *lobby);
/* Nobody is taken any more. */
void intake_done(struct intake *in);
/* The listener with this tag has one. One at a time: others are told of again. */
void intake_take(struct intake *in, uint64_t tag);
void intake_tick(struct intake *in);
/* Are there as many descriptors as one connection more is to leave? Tried with a descriptor that is open. */
bool intake_has_room(int fd);
int64_t intake_deadline(const struct intake *in);

#endif
