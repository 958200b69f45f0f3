/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is to be done in a child of fork, at once. A child inherits descriptors and mappings, and by either
 * it would keep a device of the kernel's that its parent has closed, without knowing.
 */
#ifndef PLUGINS_VFIO_FORKS_H
#define PLUGINS_VFIO_FORKS_H

struct fork_watch {
	struct fork_watch *next, **link;
	/* In the child, whose only thread it is; locks of other threads may be held for ever. */
	void (*in_child)(struct fork_watch *w);
};

void forks_watch(struct fork_watch *w, void (*in_child)(struct fork_watch *w));
void forks_unwatch(struct fork_watch *w); /* one that is not watched is fine */

#endif
