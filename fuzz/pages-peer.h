/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server of tracked buffers that says anything, over the loop-back and on the client's thread. Whenever the
 * client waits for something it says the next pieces of the input that are its own; when there are none it
 * answers, and gives all that is asked for. It aborts when the client says what a server could not make sense
 * of: pages that are not there, a HOLD of what it holds, a DROP of what it does not.
 *
 * Pieces are a byte, its low half the kind, then:
 *
 *	9	DATA: wsid u8, page u16, at u8 (times 16), length u8
 *	10	the same, of many: wsid u8, page u16, pages u8
 *	11	STALE: wsid u8, page u16, pages u8
 *	12	CUT: u8, added to the number that it should have
 *	13	a reply to one that waits for it: which u8, result u8, how much u8: of HOLD 255 all, 254 more
 *		than that, 253 half a page, else pages
 *	14	a frame: message u8, flags u8, length u8, body
 *	15	bytes as they are: length u8, bytes; without any it hangs up
 *
 * Smaller kinds are the program's.
 */
#ifndef FUZZ_PAGES_PEER_H
#define FUZZ_PAGES_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/transport.h"

#define PEER_BUFFERS 4u /* their wsids are 1 to 4 */
#define PEER_PAGES 2048u /* of each, at most */
#define PEER_HANDLE 1u

/* What is left of the input: the program's half takes its pieces from here, too. */
struct peer_input {
	const uint8_t *at;
	size_t len;
};

/* False: there is less than that, and the input is at its end. */
bool peer_take(uint8_t *to, size_t len);
extern struct peer_input peer_input;
extern bool peer_listens; /* it says nothing while somebody reads, but hears */

/* Takes the transport over. */
void peer_start(struct transport *near, struct transport *far, const uint8_t *data, size_t len);
void peer_end(void);
/* One piece of its own; true: something was said. */
bool peer_say(void);
/* Takes what the client has sent. */
void peer_hear(void);
/*
 * The client says that it watches this page, or not, when all that was said on both sides was heard; does it
 * agree?
 */
bool peer_agrees(uint64_t wsid, uint32_t page, bool watched);
/* It has said what no client may take: the connection is lost when that was heard. */
bool peer_lied(void);

#endif
