/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners of rdma, as the monitor has them: for each a process, opaed-rdma, which listens and asks where
 * who knocks is to go. It is started again, ever more slowly, when it dies; one that silent strangers have
 * filled, at once.
 */
#ifndef DAEMON_DOORS_H
#define DAEMON_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config.h"

#define DOORS_TAG (UINT64_C(32) << 32) /* of a channel in the monitor's epoll, with the door's number */

struct sessions;
struct door;

struct doors {
	int poll;    /* an epoll descriptor */
	int program; /* -1: it is not open */
	struct door *first;
	uint32_t last;
	uint64_t starts;
};

void doors_init(struct doors *d, int poll);
/* All that can fail of a new configuration: 0 or a negative errno, which is logged. */
int doors_prepare(struct doors *d, const struct daemon_config *config);
/* It is in force: what is no longer in it ends, what is new is started. */
void doors_configure(struct doors *d, const struct daemon_config *config);
/* All end. */
void doors_done(struct doors *d);
/* The channel with this tag has something. */
void doors_serve(struct sessions *all, uint64_t tag);
/* Was it one of them that died? */
bool doors_died(struct doors *d, pid_t pid, int status);
/* Starts those that are due; and the next deadline. */
void doors_tick(struct sessions *all);
int64_t doors_deadline(const struct doors *d);

#endif
