/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The buffers of an open handle: pinned memory of the device, and of each a twin: what the client is known to
 * have. Bytes that differ from the twin are the device's doing, and the client is told of them (DATA) before
 * the reply of a call after which a program may look: a register read, an event. While the accelerator is
 * not idle a thread of the handle's looks, too. Of a buffer that the client tracks it is told what it holds
 * alone; docs/coherence.md says how.
 */
#ifndef RPC_SERVER_BUFFERS_H
#define RPC_SERVER_BUFFERS_H

#include "rpc/server/internal.h"

struct session_buffers *buffers_new(struct rpc_session *s, struct session_handle *h);
/*
 * The end of a handle. First no other device is left with memory that is given back: take_back, dispatch
 * thread. Then the device is quiet, and each buffer is zeroed and given back: empty, any thread, while no
 * request of the handle is carried out. When the handle is closed, and its device has no memory of another's
 * any more: free.
 */
void buffers_take_back(struct session_buffers *b);
void buffers_empty(struct session_buffers *b);
void buffers_free(struct session_buffers *b);
/* Is a handle being closed whose device was given some of these? */
bool buffers_leaving(const struct session_buffers *b);
/* Is there memory that the handle's device may reach: buffers of its own, or some that it was given? */
bool buffers_any(const struct session_buffers *b);
/*
 * Sends what the device changed. Called before the reply of a read, and before an event. Any thread. 0 or a
 * negative errno.
 */
int buffers_tell(struct session_buffers *b);
/* Something may have started the device: it counts as not idle from now on. */
void buffers_started(struct session_buffers *b);
/*
 * Where the bytes of a PUSH go, for the link's sink; one_way: of a posted one. NULL: nowhere, the handler
 * will have a look. Dispatch thread.
 */
void *buffers_place(struct session_buffers *b, bool one_way, uint64_t wsid, uint64_t offset, size_t len);
uint64_t buffers_pinned(const struct rpc_session *s); /* bytes of the session's, with twins */

atomic_uint_fast64_t *session_pinned(struct rpc_session *s); /* the same: of session.c, kept by buffers.c */
atomic_uint_fast64_t *session_watched(struct rpc_session *s); /* of those that have twins */

#endif
