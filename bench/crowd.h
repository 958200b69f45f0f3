/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients of a daemon that have said who they are, have asked once what there is, and are silent since. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdbool.h>

#define CROWD_MAX 1024u

/*
 * `opae bench crowd ADDRESS NUM`: so many sessions, in one process, until its standard input ends; says
 * "crowd is there" when each has its answers. 0, or 1 with the reason on standard error.
 */
int crowd_main(int argc, char *argv[]);

struct rpc_link;

/* HELLO and its answer, as each of them does it. False: said on standard error. */
bool crowd_hello(struct rpc_link *l);

#endif
