/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors in an epoll. A process that was forked has copies of all until it has become its program, and
 * so long an epoll goes on telling of one that was only closed: it is taken out of it first.
 */
#ifndef DAEMON_WATCHED_H
#define DAEMON_WATCHED_H

#include <stdint.h>

/* Told of when there is something to read. 0 or a negative errno. */
int watched_add(int poll, int fd, uint64_t tag);
/* And sets it to -1; -1 is fine, and so is one that nobody watches. */
void watched_close(int poll, int *fd);

#endif
