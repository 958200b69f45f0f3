/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor's view of its sessions: each is one worker process with a channel to it.
 *
 *	stranger --PEER--> started --STOP sent--> stopping --dies--> gone
 *	    |                 |                                       ^
 *	    +-----------------+---- the worker ends, or dies ---------+
 *
 * A worker that has been told to stop and has not died in time is killed. A worker is believed nothing but
 * what concerns its own session; one that breaks the channel's rules is killed. One thread, the monitor's.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config.h"
#include "daemon/credentials.h"
#include "daemon/doors.h"
#include "daemon/metrics-process.h"
#include "daemon/metrics.h"
#include "daemon/origin.h"
#include "daemon/scout.h"
#include "daemon/worker-log.h"
#include "rpc/server/server.h"
#include "transport/fabric-door.h"
#include "transport/listen.h"

struct session {
	struct session *next;
	uint32_t id;
	pid_t pid;
	int channel; /* -1: closed */
	int poll;    /* the monitor's epoll, which has it and log.fd */
	char origin[ORIGIN_MAX]; /* of a stranger */
	char counts_as[POLICY_PRINCIPAL_MAX]; /* of one whose principal is known */
	bool stranger; /* its worker finds out who the peer is; until then it has no principal */
	bool dismissed; /* a stranger who stays one: his worker only lets him read why */
	int64_t since, admit_by; /* of a stranger; admit_by is INT64_MAX for others */
	bool refused; /* takes a reason to the peer, and counts for no limit */
	bool said_end; /* END came */
	bool look, looking; /* LOOK is to be sent; is sent, and not answered */
	int64_t kill_at; /* INT64_MAX: not told to stop */
	uint32_t allow;	 /* bits of enum wire_right */
	/* Its own: what its worker may have opened does not change with the policy. */
	struct policy_rule rule;
	struct daemon_config *config; /* that it began with, whose "plugins" its worker has */
	uint32_t spare;	  /* of struct spares: it waits for its peer; 0: it does not */
	bool ready;	  /* that one is */
	uint16_t port;	  /* where it waits for him */
	bool scout;	  /* has no peer, and looks around for the monitor */
	bool told_denied; /* that something was not for it is told once: a worker tries what there is */
	bool sees_all;	 /* its rule shows everything: it may know of the sessions of others, and end them */
	char ended[256]; /* why, as the worker said or we know; "" */
	/* SESSIONS of this one waits for the others' INFO: its question's id. */
	uint32_t question;
	bool asked; /* ASK is sent, and INFO has not come */
	struct rpc_session_info info;
	unsigned int kind; /* enum address_kind, or METRICS_RDMA */
	struct counted counted;
	struct worker_log log;
};

#define SPARE_LET_GO UINT32_MAX
#define SCOUT_IDS 0xffff0000u /* from here on they are scouts' */

struct spares; /* daemon/spares.h */

struct sessions {
	struct session *first;
	uint32_t next_id;
	int64_t look_at; /* not before, LOOK is sent again */
	int64_t answer_at; /* who has not sent INFO by then is told of as last known; INT64_MAX: none asks */
	int poll; /* an epoll descriptor: a channel is there with its session's id */
	int worker, worker_tls; /* the worker's programs; the second is open when it was wanted */
	char **environment;
	char host[256];
	/* In force; the monitor replaces it. */
	struct daemon_config *config;
	struct spares *spares;
	size_t num_spares;
	uint32_t last_spares;
	int64_t spare_at, spare_pause; /* not before, one is started; and behind that, should it fail */
	struct metrics metrics;
	struct metrics_process metrics_process;
	struct doors doors;
};

static inline bool session_serves(const struct session *s)
{
	return !s->refused && !s->stranger;
}

/* Finds the worker's program, beside this one. 0 or a negative errno, which is logged. */
int sessions_init(struct sessions *all, int poll);
void sessions_done(struct sessions *all);
/* What sessions need of a configuration, before it is in force. 0 or a negative errno, which is logged. */
int sessions_prepare(struct sessions *all, struct daemon_config *config);

/* A connection came to this listener; takes fd over. */
void sessions_begin(struct sessions *all, size_t listen, int fd, const struct peer *peer,
		    const char *principal);
/*
 * The same of a peer of whom nobody knows who it is: its worker finds out by TLS, with these. Only when there
 * is room for one of its origin (daemon/origin.h); who has shaken hands for too long makes it.
 */
void sessions_begin_stranger(struct sessions *all, int fd, const struct peer *peer,
			     struct credentials *credentials);
/* *share: as many as may shake hands who come from there. */
bool sessions_room_for_stranger(struct sessions *all, const char *origin, bool *share);
/*
 * Somebody knocks at the fabric of this listener; whose address is not known has the text "". *ret is what he
 * is told. One who may come gets a worker that waits for him.
 */
void sessions_knock(struct sessions *all, size_t listen, const struct peer *peer, struct door_answer *ret);
/* The channel of the session with this id has something. */
void sessions_serve(struct sessions *all, uint32_t id);
/* The worker of this one has something for the log. */
void sessions_read_log(struct sessions *all, uint32_t id);
/* Takes leave of workers that have died. */
void sessions_reap(struct sessions *all);
/* Tells all to stop. */
void sessions_stop(struct sessions *all, int64_t kill_at);
/* What is due; and the next deadline. */
void sessions_tick(struct sessions *all);
int64_t sessions_deadline(const struct sessions *all);

#endif
