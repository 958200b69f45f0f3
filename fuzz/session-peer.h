/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of a session that says anything, over the loop-back and on one thread. It aborts when the session
 * says what the protocol does not allow.
 *
 * Input: a byte whose bit 0 means that HELLO is not said first; then pieces, by their first byte:
 *
 *	1..127	a message of this number: selector u8, flags u8, length of the body u16, body. The selector
 *		names the header's object: 0x10 + n the n-th object that was listed, 0x20 + n the n-th
 *		handle that was opened, 0x30 + n the n-th sysobject that was got; others are themselves.
 *	128	bytes as they are: length u16, bytes
 *	129	something happens elsewhere: what u8
 */
#ifndef FUZZ_SESSION_PEER_H
#define FUZZ_SESSION_PEER_H

#include "rpc/server/server.h"

/* One session from its beginning to its end. happen() may be NULL. */
void session_peer_run(const struct rpc_served *served, const struct rpc_session_options *options,
		      void (*happen)(uint8_t what), const uint8_t *data, size_t len);

#endif
