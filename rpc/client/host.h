/* SPDX-License-Identifier: BSD-3-Clause */
/* A configured host: its connection, and what it said that it has (the snapshot). */
#ifndef RPC_CLIENT_HOST_H
#define RPC_CLIENT_HOST_H

#include "rpc/client/call.h"
#include "rpc/client/internal.h"
#include "track/track.h"
#include "transport/dial.h"

#define ASK_WHY_MAX (OPAEX_HOSTNAME_MAX + DIAL_WHY_MAX)
#define REMOTE_OBJECTS 4096u /* of one host, at most */

struct remote_object {
	uint64_t id, parent; /* the far side's object ids; parent 0: none */
	struct opae_props props; /* the far side's */
};

struct object_list {
	struct remote_object *at;
	uint32_t n;
	bool bad; /* too many, or no memory for them */
};

/* How far asking a host has come: gather.c. */
enum ask_state { ASK_CONNECTING, ASK_GREETING, ASK_TURN, ASK_LISTING, ASK_DONE, ASK_FAILED };

struct ask {
	enum ask_state state;
	struct dial *dial;
	struct conn *conn; /* counted */
	struct call call;  /* HELLO's, then ENUMERATE's; under way in these two states */
	int64_t started;   /* of this state */
	bool ready;	   /* there may be something to go on with */
	bool fresh;	   /* asked for by this enumeration */
	bool reused;	   /* its connection is one that was there */
	bool filtered;	   /* the list is a part of what there is */
	struct object_list list;
	char why[ASK_WHY_MAX];
};

struct remote_host {
	struct rpc_client *client;
	const struct rpc_host_config *config;
	pthread_mutex_t lock; /* guards these two */
	struct conn *conn;    /* the current one, counted; perhaps lost */
	struct object_list objects;
	pthread_mutex_t dialing; /* one thread at a time connects outside an enumeration; guards these: */
	int64_t dial_failed;	 /* when that ended without a connection last; 0: never */
	fpga_result dial_result; /* with what, and why */
	char dial_why[ASK_WHY_MAX];
	/* Under the client's gathering lock. */
	struct ask *ask; /* under way, also between two enumerations; NULL: none */
	bool down;	 /* the last enumeration had no answer */
	bool silent;	 /* and the connection is not trusted any more */
	bool asked;	 /* by this enumeration */
};

struct rpc_client {
	struct rpc_client *next, **link_of; /* of all in this process */
	struct rpc_client_config config;
	struct remote_host *hosts;
	pthread_mutex_t gathering; /* one enumeration at a time; guards what follows */
	int wake;		   /* an eventfd that replies to an enumeration ring; -1 until the first */
	/* The shell asks again at once when it had too little room: the same listing answers. */
	pthread_t listed_by;
	int64_t listed_at;
	struct listing *listed;
	pthread_mutex_t tracker_lock; /* guards these: tracker.c */
	struct tracker *tracker;      /* NULL: none was started */
	bool tracker_tried;
	char tracker_why[TRACK_WHY_MAX]; /* it cannot be had */
};

/* ---- host.c ---- */

struct dial_to host_dial_to(const struct remote_host *h);
/* The current connection, if it is not lost; counted. NULL: there is none. */
struct conn *host_conn(struct remote_host *h);
/* The same, connecting if need be. FPGA_OK, or the reason is set. */
fpga_result host_connect(struct remote_host *h, struct conn **ret);
/* Makes this the current one; it takes a reference of its own. */
void host_set_conn(struct remote_host *h, struct conn *n);
/* HELLO, as a call of its own or in steps: after begin the caller runs or starts it; end judges the reply. */
void host_greet_begin(struct call *c, struct conn *n);
fpga_result host_greet_end(struct call *c, fpga_result r);

/* CHANGED came on n: 1 changed, 2 gone, 3 new. */
void host_changed(struct remote_host *h, const struct conn *n, uint32_t what, const struct remote_object *o);
/* An enumeration's answer; a filtered one adds to the snapshot, and another replaces it. */
void host_listed(struct remote_host *h, const struct object_list *list, bool filtered);
/* What the snapshot has of an object; false: nothing. */
bool host_object(struct remote_host *h, uint64_t id, struct remote_object *ret);
/*
 * What another answer said of an object that no list had. Of one that is in the snapshot nothing is taken:
 * lists and CHANGED come in order, and other answers may be older than the last of them.
 */
void host_learned(struct remote_host *h, const struct remote_object *o);
/* The far side's properties as this process shows them: segment, host name, object id. */
void host_translate(const struct remote_host *h, uint64_t id, struct opae_props *p);
void host_init(struct remote_host *h, struct rpc_client *c, const struct rpc_host_config *config);
void host_done(struct remote_host *h);
/* In the child of a fork: forgets what was its parent's. */
void host_forked(struct remote_host *h);

bool list_add(struct object_list *l, const struct remote_object *o);
void list_done(struct object_list *l);

/* ---- gather.c ---- */

/* An enumeration: its filters. */
struct gather {
	struct rpc_client *client;
	const struct opae_props *filters;
	uint32_t num_filters;
	int64_t start, live_done;
	uint32_t live; /* hosts asked that were not down */
	bool moved;    /* an ask has gone on since the last look */
};

/*
 * Asks all hosts that the filters allow, at once; the answers are then in host->ask->list, of those that
 * were asked and whose state is ASK_DONE. Under the gathering lock. Which hosts have not answered, and why,
 * is in the thread's detail. FPGA_OK; FPGA_NO_MEMORY.
 */
fpga_result gather_run(struct gather *g);
/* Ends what is under way, and frees an answer that was taken. */
void gather_drop(struct remote_host *h);

/* ---- listing.c ---- */

void listing_free(struct listing *l);

/* ---- client.c ---- */

void client_note_conn(struct conn *n);
void client_forget_conn(struct conn *n);

#endif
