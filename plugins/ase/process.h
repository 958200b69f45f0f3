/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulation that this process started, with a socket to it as its descriptor 3. It is a child of a thread
 * of its own, the keeper, which lives as long: what it prints comes by the keeper, the kernel ends it when
 * the keeper's process dies, and the keeper waits for it.
 */
#ifndef PLUGINS_ASE_PROCESS_H
#define PLUGINS_ASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;

/*
 * Starts the command, a program and its arguments as the shell takes them, perhaps with settings of variables
 * before it, and "--fd 3" after it. *socket is this end, and the caller's.
 * quiet: nothing of what it prints is shown. 0 or a negative errno.
 */
int process_start(const char *command, bool quiet, int *socket, struct process **ret);
/* It answers: from now on the user is told, once, when it ends unasked or with errors. */
void process_spoke(struct process *p);
/* Before its socket is closed in another way: that it ends now is as it should be. */
void process_expect_end(struct process *p);
/* Hangs up, waits until it has ended for as long as end_ns, and ends it then. Again: nothing. */
void process_end(struct process *p, int64_t end_ns);
/* In words: how it ended, for which it waits a moment, and what it said last; "" as long as it lives. */
void process_why(struct process *p, char *out, size_t len);
/* After process_end(), or in a child of fork, whose process it is not. NULL is fine. */
void process_free(struct process *p);

#endif
