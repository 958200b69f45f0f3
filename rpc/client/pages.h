/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pages of tracked buffers: docs/coherence.md says what they are for, and why it is right. "lock" and
 * "release_lock" are the handle's buffers' (buffers-internal.h).
 *
 * pages.c has the states, windows and what is dropped; pages-touch.c serves touches, pages-input.c those of
 * buffers that the device only reads; pages-release.c sends what was written; pages-cut.c takes what the
 * device did.
 */
#ifndef RPC_CLIENT_PAGES_H
#define RPC_CLIENT_PAGES_H

#include "rpc/client/buffers-internal.h"
#include "rpc/client/call.h"
#include "track/track.h"
#include "wire/limits.h"

#define PAGES_HERE_MAX 512u /* of the writable buffers of a handle, at a time */
#define PAGES_TO_READ 64u   /* the same while a register is read: the server looks at all of them */
#define PAGES_WINDOW_MAX 64u
#define PAGES_MANY 32u	    /* in a row: they are written in sequence */
#define PAGES_CHUNK 256u    /* pages that are passed over together when nothing is to be asked of them */
#define STREAMS 4u
#define HOLDS 4u	    /* under way at a time */
#define WINDOWS 1024u
#define DROPS_ROOM 4096u    /* bytes of DROP frames */

/*
 * The states of a page of a buffer that the device writes to:
 *
 *	ABSENT  hidden, and not watched by the server. All are at first.
 *	COMING  hidden, and asked for: one of `holds` has it, whose reply was not taken yet.
 *	READY   hidden, but watched: the first page of a window that was asked for ahead, or one that RESTS.
 *	HERE    shown, and watched.
 *
 *	ABSENT --touched--> COMING --reply--> HERE --asked for in vain--> READY
 *	                       +----reply---> READY --touched--> HERE
 *
 * A touch makes the page COMING, and those behind it that are ABSENT and owe nothing: plan(). The reply
 * makes those that it gives HERE, but the first of what was asked for ahead READY, and the others ABSENT:
 * take_pages(); so does the failure of a HOLD with all of them: end_hold(). A touch makes a READY page
 * HERE, and has more asked for behind it: look(); or, where it RESTS, some of those behind it HERE as
 * well: pages_rouse(). What is HERE and was not written for long is READY and RESTS: pages_rest(). HERE
 * and READY become ABSENT by STALE, when its cut is whole: make_stale(); or by DROP: drop_run(). COMING
 * does not, for that STALE is older than the reply. When the connection is lost, or the buffer is being
 * released, a touch makes any page HERE, which means no more than that it is shown: show_plain(). When the
 * buffer has left its handle all are ABSENT.
 *
 * Of a buffer that the device only reads pages are ABSENT or HERE, and never watched: a touch makes them
 * HERE, and what is released in long runs, or left behind, ABSENT (pages-input.c).
 *
 * Whenever nobody has the lock, and the connection is not lost:
 *
 * I1 What is not HERE is hidden, and cannot be read or written by the program; while a cut is applied,
 *    with the lock held, nor can what is IN_CUT. What had been written when it was hidden is OWED until it
 *    is sent.
 * I2 What is READY or HERE is held by the server, or STALE for it is under way, or kept for its cut. Of
 *    other pages the server holds those alone whose reply, or whose DROP, is on its way; and DROP is sent
 *    before release_lock is left.
 * I3 The library's view has what the server's twin has, but for what is under way or kept, what is OWED
 *    or was written since it was last asked for, and what of a cut the server has as claims: until
 *    `seen` tells it.
 * I4 What is OWED or written is sent ahead of what could depend on it: no page becomes COMING that is
 *    OWED, and HOLD is sent with release_lock held; a release asks what is HERE and sends all that is
 *    OWED before what may start the device, under the same.
 *
 * And that what is watched is bounded: what is not ABSENT is counted, at most PAGES_HERE_MAX, and lies in
 * one of `windows`, by which it is dropped in the end.
 */
enum page_state { PAGE_ABSENT, PAGE_COMING, PAGE_READY, PAGE_HERE };
#define PAGE_STATE 3u	  /* the bits of the state */
#define PAGE_OWED 4u	  /* it was written, and that is not sent yet */
#define PAGE_IN_CUT 8u	  /* HERE, but hidden while a cut is applied */
#define PAGE_OPEN 16u	  /* HERE, of an open window, not told of since; but for the first shown as written */
#define PAGE_WROTE 32u	  /* HERE or resting, and was told as written */
#define PAGE_RESTS 64u	  /* READY: it was HERE, and releases asked for it in vain */

/*
 * Somebody reads or writes in sequence: his next window. The touches' alone, but for `id` and `writes`: under
 * lock. The place of one that was forgotten is another's; windows tell them apart.
 */
struct stream {
	uint64_t id;	/* not 0, and no other's of the buffer */
	uint32_t first; /* where it began */
	uint32_t from;	/* his last window; of a buffer that the device only reads */
	uint32_t next, pages;
	uint64_t age;
	bool on;     /* he went on since he began */
	bool writes; /* pages are to be OPEN: he wrote most of those that he left last */
};

struct pages {
	struct handle_buffers *home;
	struct track *track;
	bool read_only;
	bool entered;	      /* lock: the buffer is of a handle */
	bool left;	      /* lock: it is not any more */
	uint32_t num;
	/* Under lock. */
	unsigned char *state; /* of each page */
	uint16_t *busy;	      /* of each chunk: pages that are HERE or owed */
	int64_t opened;	      /* when pages became OPEN last */
	int64_t opened_first; /* and when first, since all were asked; 0: none did */
	uint32_t shy;	      /* so many windows do not become OPEN */
	uint32_t vain;	      /* releases in a row that found nothing written */
	uint32_t patience;    /* so many, until what is HERE rests */
	bool rests;	      /* it does, and nothing of it was touched since */
	atomic_uint all_busy; /* also looked at without it */
	struct stream streams[STREAMS];
	uint64_t age; /* the touches' alone */
};

struct page_run {
	uint32_t from, end;
};

/* Pages that became HERE together; perhaps some are not any more. */
struct window {
	struct client_buffer *buf;
	struct page_run run;
	uint32_t first, pages; /* as it was */
	uint32_t wrote;	       /* of those that are left behind */
	uint64_t stream;       /* his id */
	bool open; /* all but the first were shown as written: that one tells whether he goes on writing */
	bool wrote_first;
};

/* A HOLD. Begun and ended by the tracker's thread, and its pages taken by who reads the connection. */
struct hold {
	struct call call;
	struct handle_buffers *b;
	bool busy; /* the rest means something; under lock, as is what follows */
	bool ahead, open, taken;
	struct client_buffer *buf; /* NULL: it was released meanwhile */
	struct page_run run;
};

/*
 * What a cut brings, until it is whole. It is bounded by what the protocol allows in one, whatever is said:
 * WIRE_CUT_MAX bytes of DATA, and STALE pages, each of which was held: PAGES_HERE_MAX of them.
 */
struct kept {
	unsigned char *at;
	size_t used, room;
	size_t data;	/* bytes of DATA alone */
	uint32_t stale; /* pages */
};

/* Of a handle, from its first tracked buffer on. Under lock, but for count. */
struct handle_pages {
	uint64_t seen;	   /* the last cut */
	bool in_group;	   /* release_lock: the end of the group that is being sent comes with a release */
	atomic_uint count; /* pages of writable buffers that are not ABSENT */
	struct hold holds[HOLDS];
	struct window windows[WINDOWS]; /* the oldest first */
	uint32_t num_windows;
	unsigned char drops[DROPS_ROOM]; /* frames that are still to be sent */
	size_t drops_used;
	bool told;	/* of a page that was written */
	bool skipped;	/* release_lock: OPEN pages were not asked for */
	bool owes_more; /* the same, but for what streams have left; since all were asked last */
	struct kept kept;
};

/* ---- pages.c ---- */

/* lock. The pages' new states: what of their old ones is in `keep`, and `more`. */
void pages_put(struct pages *p, uint32_t from, uint32_t end, unsigned int keep, unsigned int more);
static inline unsigned int page_state(const struct pages *p, uint32_t page)
{
	return p->state[page] & PAGE_STATE;
}
/*
 * lock. The next pages, at most `max`, from *at on whose (state & mask) is `is`, which must make them HERE or
 * owed; *at is behind them.
 */
bool pages_next(const struct pages *p, uint32_t *at, uint32_t max, unsigned int mask, unsigned int is,
		struct page_run *ret);
/*
 * lock. Hides what is HERE; what was written is owed. Its state stays. 0 or a negative errno, and then the
 * link is broken; what could not be shown is plain memory, as the library's view has it.
 */
int pages_hide(struct pages *p, uint32_t from, uint32_t end);
int pages_show(struct pages *p, uint32_t from, uint32_t end);
/* The same, and they are OPEN. */
int pages_open(struct pages *p, uint32_t from, uint32_t end);
/* lock. Of [from, end), what of it is HERE (and has no other bit of `mask`) and was written is owed. */
int pages_ask(struct pages *p, uint32_t from, uint32_t end, unsigned int mask);
/* lock. What is HERE rests. */
int pages_rest(struct pages *p);
/* lock. The resting page is HERE, and so are some that rest behind it. */
int pages_rouse(struct pages *p, uint32_t page);
/* lock. A track_run for pages that were found written. */
void pages_owe(void *ctx, size_t from, size_t end);
/*
 * lock and release_lock. Drops the oldest pages until `keep` are left, or what is left is COMING;
 * pages_settle() tells the server.
 */
int pages_drop(struct handle_buffers *b, uint32_t keep);
/* The same of a stream's windows in front of a page, where they are not better kept. */
int pages_leave(struct client_buffer *buf, uint64_t stream, uint32_t page);

/* ---- pages-release.c; all with release_lock alone ---- */

/*
 * Appends what was written to b->out, of which *used are taken; sends what has no room. 0, or it is lost.
 * Not all: what has been OPEN for a short time is left alone, for it is still being written; unless something
 * else was.
 */
int pages_release(struct handle_buffers *b, bool all, size_t *used);
/*
 * Sends what is owed, then what is to be dropped; or the latter alone. The group is left open: the next
 * release, soon, ends it.
 */
int pages_settle(struct handle_buffers *b);
int pages_send_drops(struct handle_buffers *b);
/* Nothing more will be released. */
void pages_end_group(struct handle_buffers *b);

/* ---- pages-touch.c ---- */

/* A track_touched; ctx is the buffer. */
bool pages_touched(void *ctx, struct track *t, size_t offset);
/* lock. The stream that somebody goes on with who touches this page, or begins. */
struct stream *pages_stream(struct pages *p, uint32_t page);
/* Ends the HOLDs of a handle whose buffers are freed. */
void pages_end_holds(struct handle_buffers *b);

/* ---- pages-input.c; with lock ---- */

void pages_input_touched(struct pages *p, uint32_t page);
/* What was written is owed now. */
void pages_input_released(struct pages *p);

/* ---- pages-cut.c; with lock. False: the link is to be broken ---- */

/* The buffer goes, and its id may be given again before the cut is whole. */
void pages_drop_kept(struct handle_buffers *b, uint64_t wsid);
bool pages_data(struct handle_buffers *b, struct client_buffer *buf, uint64_t offset, const void *data,
		size_t len);

#endif
