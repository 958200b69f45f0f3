/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ends in one process, without a socket or a thread: what one sends the other receives, in order. An end
 * that finds nothing to receive, or no room to send, runs its pump first, which lets the other side work. Two
 * threads may also have an end each; then no pump is needed.
 */
#ifndef TRANSPORT_LOOP_H
#define TRANSPORT_LOOP_H

#include "transport/transport.h"

/*
 * Two ends, each readable by its fd() as a socket is; freeing one ends the other's stream, which first gives
 * what is still in it. At most `room` bytes wait in one direction. 0, or a negative errno.
 */
int loop_pair(size_t room, struct transport **a, struct transport **b);
/*
 * What `t`, an end of loop_pair(), does before it says that there is nothing: e.g. dispatch on the other side.
 * NULL: nothing. Called on the thread that sends or receives, without a lock, and not while it runs already.
 */
void loop_set_pump(struct transport *t, void (*pump)(void *ctx), void *ctx);

#endif
