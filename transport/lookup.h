/* SPDX-License-Identifier: BSD-3-Clause */
/* A name's addresses, found by a thread of its own: the C library's resolver waits as long as it likes. */
#ifndef TRANSPORT_LOOKUP_H
#define TRANSPORT_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

struct lookup;

/*
 * 0, or a negative errno. The thread may outlive the lookup that it is for: a plugin that is made of this must
 * not be unloaded (-z nodelete).
 */
int lookup_start(const char *host, uint32_t port, struct lookup **ret);
/* Readable when the answer is there. */
int lookup_fd(const struct lookup *l);
/*
 * 1: *found is the answer, the lookup's own; 0: not yet; a negative errno: there is none, and *why is a word
 * on it.
 */
int lookup_answer(struct lookup *l, const struct addrinfo **found, const char **why);
/* At any time; NULL is fine. A thread that is still asking frees what there is when it is through. */
void lookup_free(struct lookup *l);

#endif
