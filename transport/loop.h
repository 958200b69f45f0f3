/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ends in one process, without a socket or a thread: what one sends the other receives, in order. An end
 * that finds nothing to receive runs its pump first, which lets the other side work.
 */
#ifndef TRANSPORT_LOOP_H
#define TRANSPORT_LOOP_H

#include "transport/transport.h"

struct loop_end; /* is a transport */

/* Two ends; freeing one ends the other's stream. At most `room` bytes wait in one direction. */
int loop_pair(size_t room, struct transport **a, struct transport **b);
/* What `t` does before it says that there is nothing: e.g. dispatch on the other side. NULL: nothing. */
void loop_set_pump(struct transport *t, void (*pump)(void *ctx), void *ctx);

#endif
