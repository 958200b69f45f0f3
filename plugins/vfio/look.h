/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding out what a device is without keeping it. What is known already is told from the
 * inventory, and nothing is sent; the rest is connected to, read and left again, several at a time.
 */
#ifndef PLUGINS_VFIO_LOOK_H
#define PLUGINS_VFIO_LOOK_H

#include "base/clock.h"
#include "plugins/vfio/vfio.h"

struct look {
	const struct place *place;
	bool there;		    /* a device of ours is; otherwise the rest is nothing */
	bool held;		    /* by another process */
	bool locked;		    /* look.c's own: what was learned is not in the file yet */
	struct shared_facts *facts; /* the caller's reference; NULL: not known */
	char why[VDEV_WHY_MAX];	    /* why not, when it is there */
};

/* Fills in all but the place of each. */
void look_at(struct instance *inst, struct look *looks, size_t n);

/*
 * A device that nobody holds, open and read for a moment, with its lock, so that others wait instead of
 * hearing that it is busy. 0, -EBUSY: somebody holds it, or why not, in words. look_leave() must
 * follow in any case.
 */
int look_enter(struct instance *inst, const struct place *p, struct facts *facts, struct vdev **ret,
	       bool *locked, char *why, size_t why_len);
void look_leave(struct instance *inst, const char *path, struct vdev *d, bool locked);

/* Opens a device; while it is held by one that may only be looking, tries again for patience_ns. */
int look_open(struct instance *inst, const struct place *p, struct vdev_options *opt,
	      int64_t patience_ns, char *why, size_t why_len, struct vdev **ret);

#endif
