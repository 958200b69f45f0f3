/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events: the far side's arrive as frames, and become counts of a local eventfd. What the device did to
 * buffers before has come in ahead of such a frame. When the connection is lost each registered eventfd is
 * written to once, so that who waits wakes; his next call with the handle says what has happened.
 */
#ifndef RPC_CLIENT_EVENTS_H
#define RPC_CLIENT_EVENTS_H

#include "rpc/client/internal.h"

/* An EVENT frame; on whichever thread reads. One for an event that has gone meanwhile is no fault. */
void client_event_came(struct conn *conn, uint64_t event, uint64_t count);
/* The connection is lost: whoever waits for an event of it is woken. */
void client_events_lost(struct conn *conn);
/* The handle is about to be closed: nothing is registered with it any more. */
void client_events_drop(struct remote_handle *h);
/* In the child of a fork: forgets its parent's. */
void client_events_forked(void);

#endif
