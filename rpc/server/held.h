/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server knows of a client that tracks its pages: which of them it may be showing to its program
 * (held), and which bytes it was sent and may not have read yet (claims). See docs/coherence.md. Nothing here
 * locks.
 */
#ifndef RPC_SERVER_HELD_H
#define RPC_SERVER_HELD_H

#include "rpc/twin.h"

#define HELD_PAGE 4096u /* bytes */

/* Pages of a buffer, from 0 on. */
struct held {
	uint64_t *bits;	   /* a bit for each page; NULL: none can be held */
	size_t pages;	   /* of the buffer */
	size_t first, end; /* all that are held lie in [first, end) */
	size_t num;	   /* how many are */
};

/* Of a buffer of `len` bytes; none is held. 0 or -ENOMEM. */
int held_init(struct held *h, size_t len);
void held_done(struct held *h);
/* [from, end) lies in the buffer. */
void held_set(struct held *h, size_t from, size_t end);
void held_clear(struct held *h, size_t from, size_t end);
bool held_all(const struct held *h, size_t from, size_t end);
/* The first held page from `page` on; SIZE_MAX: there is none. */
size_t held_next(const struct held *h, size_t page);

#define CLAIMS_MAX 1024u

struct claim {
	uint64_t wsid, cut; /* the buffer's; the number of the cut that carried it */
	struct twin_run run;
};

/* In the order of their cuts. */
struct claims {
	struct claim *ring; /* CLAIMS_MAX of them; NULL: no room for any */
	uint32_t first, num;
};

/* 0 or -ENOMEM. */
int claims_init(struct claims *c);
void claims_done(struct claims *c);
bool claims_have_room(const struct claims *c, uint32_t num);
/* There is room; its cut is not older than any other's. */
void claims_add(struct claims *c, const struct claim *claim);
/* Cuts up to `seen` have been read. */
void claims_forget(struct claims *c, uint64_t seen);
/*
 * The bytes [from, end) of the buffer were replaced at both ends. A claim that has bytes on both sides of
 * them stays whole.
 */
void claims_drop(struct claims *c, uint64_t wsid, size_t from, size_t end);
/* What is claimed of [from, end), as runs that rise and do not touch; how many. */
uint32_t claims_in(const struct claims *c, uint64_t wsid, size_t from, size_t end,
		   struct twin_run ret[CLAIMS_MAX]);

#endif
