/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many hosts in one process, for the time that an enumeration takes: servers on addresses of the
 * loopback, each with one accelerator, that answer late; and some that do not answer: their packets
 * are dropped, or they take a connection and say nothing. It speaks as the raw references do
 * (program.h), once it has said where it is: "hosts on port N".
 */
#ifndef BENCH_HOSTS_H
#define BENCH_HOSTS_H

#define HOSTS_MAX 128u

/* The address of the n-th. */
#define HOSTS_ADDRESS "127.0.1.%u"
#define HOSTS_FIRST 1u /* the last byte of the 0th one's */

/* Each tenth host is dead, in the one way and the other. */
#define HOSTS_DEAD_EACH 10u

/* Of `num` hosts. */
unsigned int hosts_live(unsigned int num);

/*
 * `opae bench hosts NUM SLOW_MS`: the live ones take from SLOW_MS / 3 to SLOW_MS for each answer. For
 * each "go" two numbers, of the time since the one before, in milliseconds: the longest that a live
 * host took from a connection to its first list of devices, and the longest for a later one. 0, or 1
 * with the reason on standard error.
 */
int hosts_main(int argc, char *argv[]);

#endif
