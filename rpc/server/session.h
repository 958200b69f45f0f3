/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session's own state and the way of a request through it; what the handlers of other parts need stands in
 * internal.h.
 *
 * Threads. The *dispatch thread* is the one in rpc_session_run() or rpc_session_step(): it reads the link,
 * judges each request, and carries out what is short. It alone touches handles and their queues. Beside it
 * run, each from its first use on: a thread for each LONG call, one that polls registers (polls.c), and one
 * that enumerates (changes.c). They send their replies themselves, and hand their piece of work back to
 * the dispatch thread, which they wake. What a LONG call changes of the session (a handle there, or gone)
 * the dispatch thread changes when it has it back, which is before it looks at anything that came later.
 * Under rpc_session_step() there are no such threads: all is done on the caller's.
 */
#ifndef RPC_SERVER_SESSION_H
#define RPC_SERVER_SESSION_H

#include "rpc/server/internal.h"

/*
 * A peer that takes nothing for so long is left. It may be stopped in a debugger; one whose machine has
 * vanished is found sooner, by the transport.
 */
#define SEND_NS (60 * NS_PER_S)
#define TOKENS_MAX 1024u	/* objects of one enumeration */
#define EVENTS_MAX 256u		/* registrations of a session */
#define REGIONS_MAX 8u		/* MMIO regions of an accelerator */

/* A request that outlives its frame. */
struct deferred {
	struct deferred *next;
	struct wire_head head;
	size_t len;
	unsigned char body[];
};

/* What is done off the dispatch thread. Handed back to it by session_finished(). */
struct work {
	struct work *next;
	struct rpc_session *s;
	struct deferred *d;
	struct session_handle *h; /* NULL: of no handle */
	bool is_long;		  /* has a thread of its own, and holds up its handle */
	bool again;		  /* only now it can be served, by the dispatch thread */
	pthread_t thread;
	struct session_token *token; /* an OPEN's; not swept meanwhile */
	fpga_result result;	     /* of a LONG call */
	int64_t begun;
};

/* What an enumeration found of one object, against what was known. */
enum listed_what { LISTED_SAME = 0, LISTED_CHANGED = 1, LISTED_GONE = 2, LISTED_NEW = 3 };

struct listed {
	enum listed_what what;
	uint64_t id, parent;
	struct opae_props props;
};

struct listing {
	struct listed *at; /* in the table's order, then those that are gone; the caller frees */
	uint32_t num;
};

struct session_tokens {
	pthread_mutex_t look_lock; /* one enumeration at a time; taken before `lock` */
	pthread_mutex_t lock;	   /* guards the list */
	struct session_token **list;
	uint32_t num;
	struct session_token *retired; /* replaced; some request may still use them */
};

/* The thread that enumerates. */
struct session_lister {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t cond;
	pthread_t thread;
	bool started, stop, look;
	bool listed; /* the client has enumerated: it is told of changes */
	struct work *queue;   /* ENUMERATEs */
	struct work *unknown; /* they name what the next look finds, or not */
};

struct poll_job;

/* The registers that are polled, by one thread. */
struct session_polls {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t cond;
	pthread_t thread;
	bool started, stop;
	struct poll_job *list;
	struct poll_job *current; /* being looked at, and not in the list */
};

struct rpc_session {
	struct rpc_link link;
	const struct rpc_served *served;
	const opae_api_adapter_table *table; /* served's */
	struct rpc_session_options options;  /* limits that were 0 have their defaults */

	/* The dispatch thread's. */
	bool threads; /* may have some: under rpc_session_run() */
	bool greeted; /* HELLO was answered */
	uint64_t features; /* those that were agreed on */
	uint32_t max_calls, under_way;
	uint32_t num_long; /* LONG calls under way */
	/* When the frame came that is being dispatched, and when the last was done with; 0: not known. */
	int64_t came, left;
	uint32_t num_handles, next_generation;
	struct session_handle **handles; /* options.max_handles places */
	unsigned char *out;		 /* replies of the dispatch thread: WIRE_FRAME_MAX bytes */

	struct session_tokens tokens;
	struct session_lister lister;
	struct session_polls polls;
	struct session_events *events;
	atomic_uint_fast64_t pinned; /* bytes of buffers and their twins, in whole pages */
	atomic_uint_fast64_t watched; /* bytes of those that have twins */
	void *objects;

	atomic_bool stopped, chores; /* chores: there is something for the dispatch thread to do */
	pthread_mutex_t finished_lock;
	struct work *finished; /* guarded by finished_lock */
	int wake;	       /* eventfd: chores */

	struct rpc_counts *counts, own_counts; /* the options', or its own */

	/* For rpc_session_info(). */
	atomic_uint_fast64_t frames;
	atomic_uint_fast32_t open_handles;
	pthread_mutex_t info_lock; /* guards what follows */
	int64_t since;		   /* HELLO; 0: not yet */
	char program[128];
	char why[200];
};

/* ---- session.c ---- */

/* The session breaks off for this reason: returns rc. The first reason stays. */
int session_break(struct rpc_session *s, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Hands a piece of work back to the dispatch thread, which frees it: nobody else touches it then. */
void session_finished(struct rpc_session *s, struct work *w);
/* The dispatch thread shall look for something to do. Any thread. */
void session_wake(struct rpc_session *s);
/* What other threads have left for this one. */
void session_chores(struct rpc_session *s);
/* The peer has changed something about the object. Dispatch thread. */
void session_changed(struct rpc_session *s, uint64_t object_id);
/* A condition that waits on the clock of base/clock.h, and its wait: returns at the deadline, too. */
void session_cond_init(pthread_cond_t *cond);
void session_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);

/* ---- dispatch.c ---- */

/* A frame that came: 0, or a negative errno when the session is over. */
int session_dispatch(struct rpc_session *s, const struct rpc_frame *f);
/*
 * A request that is lawful; `looked`: an object id that is unknown was looked for just now. 0; a negative
 * errno: its reply could not be sent.
 */
int session_request(struct rpc_session *s, const struct rpc_frame *f, bool looked);
/* Makes `q` of a request and room for its reply. */
void request_init(struct rpc_session *s, struct request *q, const struct wire_head *head, const void *body,
		  size_t len, void *room, size_t room_len);
fpga_result request_carry_out(struct rpc_session *s, struct request *q);
/* The reply; of r != FPGA_OK the reason is its body. Any thread. */
int request_reply(struct rpc_session *s, struct request *q, fpga_result r);
/* The body was too short, or held what cannot be. */
fpga_result request_bad(struct request *q);
struct deferred *request_defer(const struct request *q);

/* ---- hello.c ---- */

/* The first frame of a session. */
int session_hello(struct rpc_session *s, const struct rpc_frame *f);

/* ---- tokens.c ---- */

void tokens_init(struct rpc_session *s);
void tokens_done(struct rpc_session *s);
/*
 * Enumerates and takes over what is found. Without filters what was not found is gone. The caller frees
 * ret->at.
 */
fpga_result tokens_look(struct rpc_session *s, const fpga_properties *filters, uint32_t num_filters,
			struct listing *ret);
/* Frees what was replaced. Dispatch thread, when no request is under way that could use it. */
void tokens_sweep(struct rpc_session *s);
/* Values of a properties object, which it destroys. */
fpga_result props_take(struct rpc_session *s, fpga_properties prop, struct opae_props *ret);
/* The body of PROPERTIES and HANDLE_PROPERTIES; destroys `prop`. */
fpga_result props_reply(struct rpc_session *s, struct request *q, uint64_t parent, fpga_properties prop);

/* ---- changes.c ---- */

void lister_init(struct rpc_session *s);
void lister_done(struct rpc_session *s); /* waits for its thread */
/*
 * Lets its thread serve an ENUMERATE; or, of another request, enumerate for an object id that is unknown
 * here.
 */
fpga_result lister_enqueue(struct rpc_session *s, struct request *q);
/* The client knows of what there is from now on: it is to hear of changes. */
void lister_listed(struct rpc_session *s);
/* Enumerates, and tells the client of changes if it has listed something. */
void lister_look_now(struct rpc_session *s);
/* Something may have changed: look anew, when the client has listed something. Any thread. */
void lister_look(struct rpc_session *s);
void lister_turn(struct rpc_session *s); /* for sessions without threads */
/* Tells the client of what is in the listing and of one of these kinds, bits 1 << enum listed_what. */
void changes_tell(struct rpc_session *s, const struct listing *l, unsigned int kinds);
#define CHANGES_ALL (1u << LISTED_CHANGED | 1u << LISTED_GONE | 1u << LISTED_NEW)

/* ---- handles.c ---- */

/* A place for a handle that is to be opened. */
fpga_result handle_reserve(struct rpc_session *s, struct request *q);
void handle_opened(struct rpc_session *s, struct session_handle *h, fpga_result r);
/*
 * What of a CLOSE the dispatch thread has to do: ahead of serve_CLOSE(), which may run beside it, and
 * afterwards. Then the handle is gone.
 */
void handle_closing(struct rpc_session *s, struct session_handle *h);
void handle_closed(struct rpc_session *s, struct session_handle *h);
/* One of this object that is being closed; NULL: none is. */
struct session_handle *handle_being_closed(struct rpc_session *s, uint64_t token);
/* Nothing of the handle's device reaches memory any more. */
void handle_quiet(struct rpc_session *s, struct session_handle *h);
/* Quiesces the devices of all, then drops what hangs on them, then closes them. */
void handles_done(struct rpc_session *s);
uint32_t handle_regions(struct rpc_session *s, fpga_handle h, const struct opae_props *props,
			struct opaex_mmio_info regions[REGIONS_MAX]);

/* ---- long.c ---- */

/* Must the request wait until something else of its handle has ended? Then it cancels what it can. */
bool handle_held_up(struct rpc_session *s, struct session_handle *h, uint16_t op);
/* Behind what waits for h, which is the request's handle, or what it has to wait for. */
fpga_result handle_enqueue(struct rpc_session *s, struct session_handle *h, struct request *q);
/*
 * Before a one-way request is put there: nobody would hear that there are too many. So it waits, and all that
 * comes behind it, until there is room, or nothing to wait for. q->handle may be another one then.
 */
fpga_result handle_make_room(struct rpc_session *s, struct request *q);
/* Carries on with what waits for this handle. */
void handle_drain(struct rpc_session *s, struct session_handle *h);
void deferred_free_all(struct deferred *list);
/* A LONG call: on a thread of its own (*later), if there is one to be had. */
fpga_result long_begin(struct rpc_session *s, struct request *q, bool *later);
/* One that has ended; dispatch thread. */
void long_reap(struct rpc_session *s, struct work *w);
/* For a request that goes on elsewhere; NULL: no memory. */
struct work *work_new(struct rpc_session *s, const struct request *q);
void work_free(struct work *w);

/* ---- polls.c ---- */

void polls_init(struct rpc_session *s);
void polls_done(struct rpc_session *s); /* cancels all */
/* FPGA_OK and *later false: answered in q->out; *later: it will be. */
fpga_result polls_begin(struct rpc_session *s, struct request *q, bool *later);
void polls_cancel(struct rpc_session *s, const struct session_handle *h);
/* One look at each that is due; for sessions without threads. */
void polls_turn(struct rpc_session *s);

#endif
