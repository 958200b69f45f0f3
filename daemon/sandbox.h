/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's sandbox: from sandbox_enter() on it is nobody, has no privileges, sees an empty folder for a
 * file system, has no network, and may make few system calls, none of which opens anything. docs/daemon.md
 * says what that keeps a hostile peer from.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a kernel, or the way the daemon is run, may not give. They are told as they are, and numbers stay. */
enum sandbox_piece {
	SANDBOX_MOUNT = 1, /* a file system with nothing in it */
	SANDBOX_NET,
	SANDBOX_IPC,
	SANDBOX_UTS,
	SANDBOX_CGROUP,
	SANDBOX_PID,
	SANDBOX_USER, /* another user than the monitor's, when that is root */
	SANDBOX_CAPABILITIES,
	SANDBOX_LIMITS,
	SANDBOX_FILTER, /* of system calls */
	SANDBOX_PIECES
};

struct sandbox {
	uid_t uid; /* whom it becomes; (uid_t)-1: it stays who it is */
	gid_t gid;
	bool fabric;	 /* it has a socket that takes connections, of a fabric */
	uint64_t memory; /* bytes that its files in memory may have each */
	/* Called, from sandbox_enter(), for each piece that there is not; error is an errno. */
	void (*missing)(enum sandbox_piece piece, int error);
};

/*
 * Puts the calling process in, for good. There must be one thread. Whoever started it has put it in a pid
 * namespace of its own (sandbox_clone()), and let it keep what privileges this takes. A piece that cannot be
 * had is told of, and the others are there all the same.
 */
void sandbox_enter(const struct sandbox *s);
/* The last step of it, the filter of system calls; 0 or a negative errno. */
int sandbox_filter(bool fabric);

#endif
