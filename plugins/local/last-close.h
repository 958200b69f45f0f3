/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_LOCAL_LAST_CLOSE_H
#define PLUGINS_LOCAL_LAST_CLOSE_H

#include <sys/types.h>

struct last_close {
	pid_t pid;   /* of the child; 0: there is none */
	void *stack; /* its; NULL: none */
};

/*
 * Lets go of a node whose device is not there any more: the descriptor's number stays, and means
 * nothing. Whoever closes such a node last may be ended by the kernel: its driver (seen up to 6.12) then
 * frees interrupts that it has freed before. So a child that has nothing to lose does it; the program's own
 * handlers and waits do not learn of that child. 0 or a negative errno, and then the node is still open.
 */
int last_close_begin(int fd, struct last_close *ret);
/* Waits for the child, a second at most; whatever the first one returned. */
void last_close_end(struct last_close *c);

#endif
