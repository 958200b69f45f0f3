/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting that an interrupt ends in good order: between begin and end SIGINT, SIGTERM and SIGHUP
 * arrive only inside wait_for(), which then returns -EINTR, so that whoever waits can clean up.
 */
#ifndef BENCH_WAIT_H
#define BENCH_WAIT_H

#include <poll.h>
#include <stdint.h>

void wait_begin(void);
/* Dies of the signal if one came. */
void wait_end(void);
/* In a child, before exec: signals as they were before wait_begin(). */
void wait_restore(void);

/* How many are ready; 0: the deadline has passed; -EINTR: somebody wants us to end. */
int wait_for(struct pollfd *fds, nfds_t n, int64_t deadline);

#endif
