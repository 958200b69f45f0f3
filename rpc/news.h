/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What differs from the twin as frames, ready to be sent: PUSH on the client's side, DATA on the server's,
 * which look alike (t buffer's id, t offset, b bytes). The bytes that are sent are those that the twin has
 * then, whatever becomes of the memory meanwhile.
 */
#ifndef RPC_NEWS_H
#define RPC_NEWS_H

#include "rpc/twin.h"
#include "wire/frame.h"
#include "wire/ops.h"

#define NEWS_FIXED 20u /* of the body: id, offset, length */
/* Room for one frame of the longest kind, or many short ones. */
#define NEWS_ROOM (WIRE_BULK + 4096u)
/*
 * The first runs of a look carry nothing but changed words, so that program and device may share a line of
 * 64 bytes; when there are as many as this, it is bulk, and lines go whole.
 */
#define NEWS_EXACT 256u

/*
 * Short runs may be flags that say that the rest is there: who may be polled meanwhile keeps them in a place
 * of their own and sends them last.
 */
#define NEWS_SHORT 64u
#define NEWS_LATE_ROOM (NEWS_EXACT * (WIRE_HEAD + NEWS_FIXED + NEWS_SHORT))
#define NEWS_LATE_FRAMES (NEWS_LATE_ROOM / (WIRE_HEAD + NEWS_FIXED + 1u)) /* at most */

struct news {
	enum wire_op op;
	uint64_t handle; /* on the wire */
	size_t bulk;	 /* data bytes of a frame, at most: a multiple of 64 */
	unsigned int runs; /* found so far */
	unsigned char *out; /* NEWS_ROOM bytes, and how many of them are frames */
	size_t used;
	unsigned char *late; /* NEWS_LATE_ROOM bytes, or NULL: short runs are like others */
	size_t late_used;
	uint64_t bulk_wsid, bulk_end; /* where the last long run ended: what goes on there is no flag */
	bool closed; /* short runs are left for the next look: what they stand for might not be found now */
};

/* Data bytes of a frame for a peer that takes so long ones. */
size_t news_bulk(uint32_t peer_max);
/*
 * Appends what differs in [*from, end), and moves *from behind what was looked at. True: up to the end;
 * false: the room is full, and what is there is to be sent first. What is among the late ones already is
 * passed over: it has changed again.
 */
bool news_gather(struct news *n, const struct twin *t, uint64_t wsid, size_t *from, size_t end);

#endif
