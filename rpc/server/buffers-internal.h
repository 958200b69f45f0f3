/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a handle's buffers: buffers.c has the list, PREPARE and RELEASE; transfer.c PUSH and PULL;
 * pins.c PIN and UNPIN; hold.c what a client says that tracks its pages; look.c looks for what the device
 * did, with cut.c for the pages that are held; watch.c says when.
 *
 * tell_lock: one thread looks and tells at a time, so that what was read first is sent first. lock, taken
 * inside it: the list, the twins, what is held and claimed, and what is being placed; never held while
 * something is sent. The list changes under both, on the dispatch thread alone, which may therefore read it
 * without a lock; the thread of a CLOSE empties it, and the dispatch thread leaves it alone then. Who owns
 * what this device was given is the dispatch thread's, and read by others under lock.
 */
#ifndef RPC_SERVER_BUFFERS_INTERNAL_H
#define RPC_SERVER_BUFFERS_INTERNAL_H

#include "rpc/news.h"
#include "rpc/server/aside.h"
#include "rpc/server/buffers.h"
#include "rpc/server/expose.h"
#include "rpc/server/held.h"

#define BUFFERS_MAX (1u << 16)

struct session_buffer {
	uint64_t wsid;	 /* on the wire: generation and place in the list */
	uint64_t far;	 /* the table's */
	uint64_t ioaddr;
	uint64_t counted, watched; /* bytes of the session's limits */
	struct twin t;	 /* twin NULL: the client is told nothing by itself */
	bool tracked;	 /* the client says what it holds; of others it holds all */
	struct rpc_exposed exposed; /* the twin, or the memory of one that is explicit */
	struct held held; /* of one that is tracked and has a twin */
};

struct session_buffers {
	struct rpc_session *s;
	struct session_handle *h;
	atomic_uint refs; /* the handle's, and those of children that use its buffers */
	pthread_mutex_t tell_lock;
	atomic_uint askers; /* threads that want tell_lock, before which the watch steps back */
	pthread_mutex_t lock;
	struct session_buffer **list; /* with holes */
	uint32_t num, room;
	uint32_t generation;
	atomic_uint watched; /* how many are looked at: not tracked and with a twin, or with held pages */
	/* A part whose bytes are coming in: not looked at. */
	const struct session_buffer *placing;
	size_t placing_from, placing_to;
	struct session_buffers *owner; /* of buffers that this handle's device was given as well; counted */
	atomic_uint owned;	       /* how many of them */
	uint64_t *given;	       /* which: their wsids; dispatch thread */
	uint32_t given_room;

	unsigned char *out; /* tell_lock: NEWS_ROOM and NEWS_LATE_ROOM bytes, from the first twin on */

	/* Of buffers that are tracked, from the first one on. */
	unsigned char *cut_out; /* tell_lock: CUT_ROOM bytes */
	struct claims claims;	/* lock */
	struct asides asides;	/* lock */
	uint64_t cuts;		/* lock: the last one */
	uint64_t stale;		/* lock: the last one with a STALE; it may be under way */
	struct landing landing;
	struct fetches fetches; /* lock */
	struct {
		uint64_t wsid, page;
		unsigned int times;
	} refused; /* dispatch thread: HOLDs in a row that got nothing of this page */

	/* The thread that looks (watch.c). */
	pthread_mutex_t watch_lock; /* guards starting, stopping and sleeping */
	pthread_cond_t watch_cond;
	pthread_t watch;
	bool watch_runs, watch_stop;
	atomic_bool watch_sleeps, started;
	atomic_bool started_before; /* when nothing was looked at */
	atomic_bool watch_rests, stirred; /* it sleeps long; something was written back since its last look */
};

/* tell_lock, for who is not the watch. */
void buffers_ask(struct session_buffers *b);
void buffers_put(struct session_buffers *b); /* NULL is fine */
/* NULL: there is none. Dispatch thread, or under a lock. */
struct session_buffer *buffers_find(const struct session_buffers *b, uint64_t wsid);
fpga_result buffers_none(struct request *q, uint64_t wsid); /* says so */
/* Is there such a buffer (NULL: no), and such a part of it? */
fpga_result buffers_check(struct request *q, const struct session_buffer *buf, uint64_t wsid, uint64_t offset,
			  uint64_t len);

/* So many bytes more of the session's limit, and less. */
fpga_result buffers_account(struct rpc_session *s, struct request *q, uint64_t bytes);
void buffers_unaccount(struct rpc_session *s, uint64_t bytes);

/* ---- pins.c ---- */

void pins_drop(struct session_buffers *b); /* of buffers that were given to this handle's device */
/* Another handle that was given the buffer, or any of the owner's (wsid 0). NULL: none. */
struct session_handle *pins_of(struct session_buffers *owner, uint64_t wsid);
/* NULL: none. Counted: buffers_put(). */
struct session_buffers *pins_owner(struct session_buffers *b);

/* ---- hold.c; with the lock held ---- */

/* Pages [from, end) are held from now on, or not any more. */
void buffers_hold(struct session_buffers *b, struct session_buffer *buf, size_t from, size_t end);
void buffers_unhold(struct session_buffers *b, struct session_buffer *buf, size_t from, size_t end);
/* What the program changed goes where it is news, but not over what is claimed. */
void buffers_write_back(struct session_buffers *b, const struct session_buffer *buf, size_t offset,
			const unsigned char *data, size_t len);

/* ---- cut.c ---- */

#define CUT_RUNS 32u   /* of a page, at most, that are told; of more the page is STALE */
#define CUT_BYTES 1024u /* the same, of its bytes */
#define CUT_ROOM (32u * 1024)

/* What is put down of a cut that is being made. */
struct cut {
	unsigned char *out; /* CUT_ROOM bytes, and how many of them are frames */
	size_t used;
	size_t stale_at;    /* where the last of them is, when it is a STALE */
	size_t data;	    /* bytes that changed, in all */
	size_t shortest;    /* run */
	unsigned int runs, stales;
	bool closing; /* what is found now is STALE */
};

void cut_init(struct cut *c, unsigned char *out);
bool cut_is_full(const struct cut *c);
/* A held page; under the lock, and with room. */
void cut_page(struct session_buffers *b, struct session_buffer *buf, size_t page, struct cut *c);
/* Sends what is there so far, or the cut as a whole, unless it is empty. 0 or a negative errno. */
int cut_send(struct session_buffers *b, struct cut *c);
int cut_end(struct session_buffers *b, struct cut *c);

/* ---- look.c; with tell_lock held ---- */

/* In the list, and in that buffer. */
struct place {
	uint32_t index;
	size_t from;
};

/* Pages that a HOLD asks for, none of which is held. */
struct hold {
	struct session_buffer *buf;
	size_t page, num; /* the first, and how many */
	size_t given;	  /* how many can be; at first all */
	bool insist;	  /* the first one is given, whatever it does */
	uint64_t lines[WIRE_HOLD_MAX / HELD_PAGE]; /* of each page: those that the twin took */
};

/*
 * Looks at the next `bytes` of the list from *at on, which moves on, and to 0 at the end of the list; and at
 * what is asked for (NULL: nothing); when something has changed there, then at everything, and tells, but not
 * of `hold`. *found: how many changes there were. 0 or a negative errno.
 */
int look_and_tell(struct session_buffers *b, struct place *at, size_t bytes, struct hold *hold,
		  unsigned int *found);

/* ---- watch.c ---- */

void watch_init(struct session_buffers *b);
void watch_wake(struct session_buffers *b); /* starts it unless it runs */
void watch_done(struct session_buffers *b);
/* Something may have started the device, and something is looked at since. */
void watch_held(struct session_buffers *b);
/* The program wrote to memory, which the device may be polling. */
void watch_stir(struct session_buffers *b);

#endif
