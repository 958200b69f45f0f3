/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has the machine at the other end of a TCP socket vanished while data is under way to it? The kernel itself
 * would go on for a quarter of an hour, and its remedy (TCP_USER_TIMEOUT) also ends connections to a program
 * that is stopped, whose kernel answers.
 */
#ifndef TRANSPORT_ALIVE_H
#define TRANSPORT_ALIVE_H

#include <stdatomic.h>
#include <stdint.h>

/* Of a socket, from all zeros on; looks may come from the sending and the receiving thread. */
struct alive {
	_Atomic int64_t looked; /* when the last was */
	_Atomic int64_t since;	/* since when something is known to wait for an answer; 0: nothing does */
};

/* A look: as transport_ops.alive. The socket is prepared by socket_prepare() of listen.h. */
int alive_look(struct alive *a, int fd);

#endif
