/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets that systemd listens on and hands over, as sd_listen_fds(3) has it. They are told apart by where
 * they really listen; their files, their modes and their end are systemd's.
 */
#ifndef DAEMON_ACTIVATION_H
#define DAEMON_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/address.h"

#define ACTIVATION_FDS 3 /* the number of the first */
#define ACTIVATION_MAX 64

struct activation_socket {
	int fd;
	struct address address;
	char name[64]; /* the unit's, or what it calls the socket; for people */
};

struct activation {
	struct activation_socket all[ACTIVATION_MAX];
	size_t num;
};

/*
 * Takes what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES tell of over, and these out of the environment.
 * Descriptors 0 to 2 must be open. 0; or a negative errno, which is logged: one of them is no listening
 * stream socket of a kind that there is, or the variables make no sense.
 */
int activation_take(struct activation *a);
void activation_done(struct activation *a);
/* The socket that listens there, or -1. It stays activation's. */
int activation_find(const struct activation *a, const struct address *address);

#endif
