/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes that the monitor keeps beside its workers: how one is found, started, and waited for. */
#ifndef DAEMON_HELPER_H
#define DAEMON_HELPER_H

#include <sys/types.h>

#define HELPER_FIRST 3 /* where the first of its descriptors is */
#define HELPER_FDS 2   /* of them at most */

/* Its program, open, beside this one. 0 or a negative errno; *fd that is open already is fine. */
int helper_find(const char *name, int *fd);
/* With these descriptors (-1: none), which stay the caller's. Its id or a negative errno. */
pid_t helper_start(const char *name, int program, const int fds[HELPER_FDS], char *const environment[]);
/* Kills it and waits for its end. What the kernel does not let die in time is waited for with the workers. */
void helper_end(const char *name, pid_t pid);

#endif
