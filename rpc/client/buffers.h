/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The buffers of a remote handle: ordinary memory here, and of each a twin: what the far side is known to
 * have. Before a call that can start the device the bytes that differ from the twin are sent ahead of it
 * (release); what the device changed comes by itself (DATA), before the reply of a call after which the
 * program may look.
 */
#ifndef RPC_CLIENT_BUFFERS_H
#define RPC_CLIENT_BUFFERS_H

#include "rpc/client/internal.h"

struct handle_buffers *client_buffers_new(struct remote_handle *h);
/* The handle is about to be closed: nobody is asked for its pages any more, and no call finds a buffer. */
void client_buffers_leave(struct handle_buffers *b);
void client_buffers_free(struct handle_buffers *b); /* NULL is fine */
/*
 * Sends what the program changed since the last time, ahead of what is sent next. FPGA_OK, or why not.
 * `behind` is a frame that may go along, if there is anything to send: then *sent is true. It may be NULL.
 */
fpga_result client_buffers_release(struct handle_buffers *b, const struct iovec *behind, bool *sent);
/* Before a register read: the server looks at what is shown to the program, so that is not to be too much. */
fpga_result client_buffers_before_read(struct handle_buffers *b);
/* What a thread of the program stored in tracked buffers of any handle; passes over who is just releasing. */
void client_buffers_release_all(struct conn *n);
/*
 * Has the handle any buffer whose content travels by itself? One load, for the way of every register write.
 */
bool client_buffers_any(const struct handle_buffers *b);
/* A DATA frame; on whichever thread reads. False: it makes no sense, and the link is to be broken. */
bool client_buffers_data(struct handle_buffers *b, struct wire_reader *body);
/* The same of FETCH, STALE and CUT. */
bool client_buffers_fetch(struct handle_buffers *b, struct wire_reader *body);
bool client_buffers_stale(struct handle_buffers *b, struct wire_reader *body);
bool client_buffers_cut(struct handle_buffers *b, struct wire_reader *body);

#endif
