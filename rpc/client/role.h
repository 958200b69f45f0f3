/* SPDX-License-Identifier: BSD-3-Clause */
/* Who reads a connection, and how the others wait. */
#ifndef RPC_CLIENT_ROLE_H
#define RPC_CLIENT_ROLE_H

#include "rpc/client/conn.h"

/*
 * Takes the reader's role if it is free and the call is not done. Otherwise the call is now among those that
 * wait for it. NULL: for what came by itself; nobody waits then, and a connection whose calls were told that
 * it is lost is read no more: half a frame's place may be the program's again.
 */
bool role_take(struct conn *n, struct call *c);
/* Leaves it, and calls one of those that wait. */
void role_leave(struct conn *n);
/* With the lock held: one that was called but did not come has called the next. */
void role_pass(struct conn *n);
/* Until the call is done, the role may be had, or the call's deadline. */
void role_sleep(struct conn *n, struct call *c);
/* With the lock held: the call is done; its memory is its thread's from now on. */
void role_done(struct call *c);
/* With the lock held: it waits no more. */
void role_forget(struct conn *n, struct call *c);

#endif
