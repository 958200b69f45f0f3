/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The events that a session's client has registered: one thread waits for all, from the first registration
 * on. Before an event is told, what the device did to its handle's buffers is.
 */
#ifndef RPC_SERVER_EVENTS_H
#define RPC_SERVER_EVENTS_H

#include "rpc/server/internal.h"

struct session_events *events_new(struct rpc_session *s);
void events_drop_handle(struct session_events *e, struct session_handle *h); /* before it is closed */
void events_turn(struct session_events *e);				     /* a look, without a thread */
void events_free(struct session_events *e);				     /* NULL is fine */
struct session_events *session_events(struct rpc_session *s);		     /* of session.c */

#endif
