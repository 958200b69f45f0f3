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

#define SANDBOX_FILES 4096    /* descriptors of a worker */
#define SANDBOX_THREADS 16384 /* of one user; of one worker, where that is in a user namespace of its own */
#define SANDBOX_FILE_SPARE (64u << 20) /* the inventory, and what plugins keep in memory beside buffers */

/* Sets of pieces. The first needs nothing of the machine, so nobody works without it. */
#define SANDBOX_BIT(piece) (1u << (piece))
#define SANDBOX_ALWAYS \
	(SANDBOX_BIT(SANDBOX_USER) | SANDBOX_BIT(SANDBOX_CAPABILITIES) | SANDBOX_BIT(SANDBOX_LIMITS) | \
	 SANDBOX_BIT(SANDBOX_FILTER))
#define SANDBOX_ALL (SANDBOX_BIT(SANDBOX_PIECES) - 2)

struct sandbox {
	uid_t uid; /* whom it becomes; (uid_t)-1: it stays who it is */
	gid_t gid;
	uint64_t files, threads; /* how many; files are descriptors */
	uint64_t file;		 /* bytes that a file of its own may have */
	uint64_t data;	 /* bytes of memory that nobody shares */
	uint64_t locked; /* bytes that it may have pinned */
	bool fabric; /* it has one, which takes connections; its peer is on no unix socket */
	bool locks; /* may lock what files it is given */
	/*
	 * NULL; or it is to have a fabric of verbs. Of a device the kernel lets nobody make use whose
	 * credentials have changed since he opened it, and it goes by the network that he was in. So this is
	 * called when the worker has lost its privileges, and keeps the machine's network; it sees the files
	 * that this takes. It sets `fabric`.
	 */
	void (*open_verbs)(void);
	int (*filter)(const struct sandbox *s);
	/* Called, from sandbox_enter(), for each piece that there is not; error is an errno. */
	void (*missing)(enum sandbox_piece piece, int error);
};

/*
 * Puts the calling process in, for good. There must be one thread. Whoever started it has put it in a pid
 * namespace of its own (sandbox_clone()), and let it keep what privileges this takes. A piece that cannot be
 * had is told of, and the others are there all the same: whether that will do is the caller's to judge.
 */
void sandbox_enter(const struct sandbox *s);
/* Within sandbox_enter(): the folders that verbs needs, in the current one. 0, or -1 and errno. */
int sandbox_show_verbs(void);
/* For the log: "a network namespace". */
const char *sandbox_name(enum sandbox_piece piece);
/* Filters of system calls: a worker's, those of opaed-metrics and opaed-rdma. 0 or a negative errno. */
int sandbox_filter(const struct sandbox *s);
int metrics_filter(const struct sandbox *s);
int rdma_filter(const struct sandbox *s);

#endif
