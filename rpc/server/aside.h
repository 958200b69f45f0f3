/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short changes that came in WRITEBACK frames, put aside until their group ends. A flag and what it stands
 * for come in one group, in whatever order; a device that polls memory is to find the flag last. See
 * docs/coherence.md, "Release". Nothing here locks.
 */
#ifndef RPC_SERVER_ASIDE_H
#define RPC_SERVER_ASIDE_H

#include <stdint.h>

#include "rpc/server/held.h"
#include "rpc/twin.h"

#define ASIDES_MAX 32u	  /* pages; of more the longest change is made at once */
#define ASIDE_BYTES 1024u /* changed bytes of a page; one with more is data, and changes at once */
#define ASIDE_SHORT 64u	  /* the same; with as many its first word may be a flag for the rest */

struct aside {
	const struct twin *t; /* of the buffer; twin NULL: the device only reads it */
	size_t page, len;     /* where in it, and how many bytes: HELD_PAGE, but for a buffer's end */
	uint64_t order;	      /* in which it came */
	unsigned int size;    /* bytes that change: those of `data` whose bit is set */
	uint64_t mask[HELD_PAGE / 64];
	unsigned char data[HELD_PAGE];
};

struct asides {
	struct aside *list; /* ASIDES_MAX, and one that is being judged; NULL: no room for any */
	unsigned int num;
	uint64_t orders;
};

/* 0 or -ENOMEM. */
int asides_init(struct asides *a);
void asides_done(struct asides *a);
/*
 * What came for the page at `page`, but for what is claimed (runs of the buffer). False: too much has changed
 * to put aside; what was there of the page is forgotten, for who makes the change at once makes all of it.
 */
bool asides_put(struct asides *a, const struct twin *t, size_t page, const unsigned char *come, size_t len,
		const struct twin_run *claimed, unsigned int num);
/* The device changed this run, which lies in one page, and its value is what remains. */
void asides_lose(struct asides *a, const struct twin *t, const struct twin_run *run);
/* The buffer is no more. */
void asides_drop(struct asides *a, const struct twin *t);
/* Makes those of the pages in [from, end), which are places in the buffer. */
void asides_make(struct asides *a, const struct twin *t, size_t from, size_t end);
/* Makes all the changes, the shortest last. */
void asides_settle(struct asides *a);

#endif
