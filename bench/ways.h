/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rows of the remote path share: the kinds of socket, names, and a raw reference beside ours. */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include "bench/server.h"

extern bool ways_wanted[NUM_WAYS];

/* "NAME-WAY", and "NAME-WAY-p99". */
struct names {
	char median[40], p99[40];
};

struct names names_of(const char *what, enum way way);
/* Is one of the two to be measured? */
bool names_wanted(const struct run *r, const struct names *n);

/* Each way that is wanted, in turn; without and with TLS. */
bool each_way(struct run *r, bool (*measure)(struct run *r, enum way way));
bool each_way_and_tls(struct run *r, bool (*measure)(struct run *r, enum way way));

/* The raw exchange of that way; and its kind of socket, or provider: tcp for TLS and RDMA, too. */
const char *raw_exchange(enum way way);
const char *raw_socket(enum way way);

/* The number of the CPU on which the other half of a raw reference runs. */
void other_cpu(const struct run *r, char text[12]);

/*
 * Both sides with a server and its cards; ours on one CPU and they on the other, as the two halves of
 * the raw one. more: of the client's configuration.
 */
bool beside_raw(struct run *r, enum way way, const struct cards_kind *kind, const char *more,
		struct side *ours, struct side *raw);

#endif
