/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the library share. struct opae_vfio is the program's and has no place for what dev/ keeps
 * of a device; the context of its map of buffers leads there.
 */
#ifndef OPAEVFIO_OPAEVFIO_H
#define OPAEVFIO_OPAEVFIO_H

#include <opae/vfio.h>

#include "dev/vfio.h"

struct hold {
	struct opae_vfio *v;
	struct vfio_spaces spaces; /* with this device's alone: its addresses are all v's */
	struct vfio_device d;
};

/* NULL: it is not open. */
static inline struct hold *hold_of(const struct opae_vfio *v)
{
	return v->cont_buffers.cleanup_context;
}

/* 0 or a negative errno. What was made so far goes with *_free(), also after a failure. */
int regions_make(struct opae_vfio *v);
void regions_free(struct opae_vfio *v);
int irqs_make(struct opae_vfio *v);
void irqs_free(struct opae_vfio *v);
/* The map of buffers, without a context so far; opae_hash_map_destroy() frees them. */
int buffers_make(struct opae_vfio *v);

#endif
