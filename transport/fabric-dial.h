/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting by a fabric alone: the name's lookup, knocking at the listener, going to the worker that it
 * names (fabric-door.h), and TLS where it is wanted. libfabric has no steps that one could poll for, takes
 * 300 ms to load, and waits as long as it likes: so all of it is done by a thread.
 */
#ifndef TRANSPORT_FABRIC_DIAL_H
#define TRANSPORT_FABRIC_DIAL_H

#include "transport/address.h"
#include "transport/tls.h"

struct fabric_dial;

/* Takes the context over, also on failure; NULL: clear text. 0 or a negative errno. */
int fabric_dial_start(const char *provider, const struct address *to, struct tls_context *tls,
		      int64_t deadline, struct fabric_dial **ret);
/* To be polled for POLLIN: it has come to an end. */
int fabric_dial_fd(const struct fabric_dial *d);
/* 1: *ret is the transport; 0: not yet; a negative errno: *why tells, in a line that names the address. */
int fabric_dial_answer(struct fabric_dial *d, struct transport **ret, const char **why);
/*
 * NULL is fine; at any time. The thread goes on until its deadline and frees what it has: a plugin that is
 * made of this must not be unloaded (-z nodelete).
 */
void fabric_dial_free(struct fabric_dial *d);

#endif
