/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is to be done in a child of fork, at once. A child inherits descriptors and mappings, and by either
 * it would keep a device of the kernel's that its parent has closed, without knowing.
 */
#ifndef DEV_FORKS_H
#define DEV_FORKS_H

#include <pthread.h>

struct fork_watch {
	struct fork_watch *next, **link;
	/* Held while the process forks, so that in_child finds in order what it guards, and has it; or NULL.
	 * Who holds it does not call these functions. */
	pthread_mutex_t *lock;
	/* In the child, whose only thread it is; locks of other threads may be held for ever. */
	void (*in_child)(struct fork_watch *w);
};

void forks_watch(struct fork_watch *w, void (*in_child)(struct fork_watch *w));
void forks_unwatch(struct fork_watch *w); /* one that is not watched is fine */

#endif
