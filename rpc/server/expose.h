/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a handle's buffers goes past the connection, by one-sided reads and writes of the peer. It reads
 * what a HOLD gives from the twin (FETCH); what its program changed it writes to a place of the handle's
 * own, the landing, and says so (LANDED); explicit buffers it reads and writes themselves. The peer begins
 * all of it: this side never touches its memory. docs/coherence.md says why nothing is lost by that.
 *
 * Exposures change on the dispatch thread, and on that of a CLOSE, as the list of buffers does.
 */
#ifndef RPC_SERVER_EXPOSE_H
#define RPC_SERVER_EXPOSE_H

#include "rpc/server/internal.h"

#define LANDING_BYTES ((size_t)2 << 20) /* behind its head */

struct session_buffer;

/* Memory that the peer writes to at any time: what is read of it twice may differ. */
struct landing {
	unsigned char *memory; /* WIRE_LANDING_HEAD and LANDING_BYTES; NULL: there is none */
	struct rpc_exposed exposed;
	uint64_t taken; /* as the peer counts its bytes: those in front are done with */
};

/* Parts of twins that the peer was told to read, and may still be reading: they must not change. */
#define FETCHES_MAX 8u

struct fetch {
	const struct session_buffer *buf;
	size_t from, end; /* pages */
	uint64_t number;
};

struct fetches {
	struct fetch list[FETCHES_MAX];
	unsigned int num;
	uint64_t told; /* numbers given so far */
};

/* The client is told to fetch these bytes. False: they are to go by the connection. With lock. */
bool fetches_add(struct session_buffers *b, const struct session_buffer *buf, size_t from, size_t end);
/* May it still be reading this page? With lock. */
bool fetches_have(struct session_buffers *b, const struct session_buffer *buf, size_t page);
/* The buffer goes. With lock. */
void fetches_drop(struct session_buffers *b, const struct session_buffer *buf);

/* Where the peer has put so many bytes; NULL: not there. */
const unsigned char *landing_find(const struct session_buffers *b, uint64_t position, size_t len);
/* They are done with, and so is what came before. */
void landing_take(struct session_buffers *b, uint64_t position, size_t len);
/* The handle ends: nothing of the peer's reaches it afterwards. */
void landing_free(struct session_buffers *b);

/* Unmaps a twin. */
void exposed_unmap(struct rpc_session *s, void *at, size_t len);
/*
 * Before long work on the dispatch thread: the one that moves what the peer reads and writes may be waiting
 * for this core. What it has to do is soon done, and the peer waits for it.
 */
void exposed_give_way(const struct session_buffers *b);
/* Before the memory or its twin is given back: the peer begins no access any more. */
void buffer_unexpose(struct rpc_session *s, struct session_buffer *buf);

#endif
