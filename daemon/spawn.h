/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting a worker: a process with a few descriptors and an environment of its own. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <sys/types.h>

#include "daemon/credentials.h"

/* Where a worker finds them. */
enum { WORKER_CHANNEL = 3, WORKER_PEER = 4, WORKER_PLUGINS = 5, WORKER_TLS = 6,
       WORKER_FDS = WORKER_TLS + CREDENTIALS };

struct spawn_files {
	int channel, peer, plugins;
	int log; /* its stderr */
	const int *tls; /* CREDENTIALS of them, some perhaps -1; NULL: none */
};

/* The worker's program, and that for connections with TLS. */
#define SPAWN_WORKER "opaed-worker"
#define SPAWN_WORKER_TLS "opaed-worker-tls"

/* One of them, open, so that an installation anew changes nothing for a running daemon. */
int spawn_open_program(const char *name);
/* Of this environment what a worker needs; NULL: no memory. spawn_free_environment() frees. */
char **spawn_environment(void);
void spawn_free_environment(char **environment);
/* The process's id, or a negative errno. The descriptors stay the caller's. */
pid_t spawn_worker(int program, char *const environment[], const struct spawn_files *files);

#endif
