/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses that a device can reach and nobody uses yet. Not locked; its owner is. */
#ifndef PLUGINS_VFIO_IOVA_H
#define PLUGINS_VFIO_IOVA_H

#include <stddef.h>
#include <stdint.h>

struct iova_hole {
	uint64_t first, last;
};

struct iova_space {
	struct iova_hole *holes; /* sorted, never touching each other */
	size_t num, room;
	size_t cursor; /* where the next search begins */
};

/* 0, -ENOMEM, or -EINVAL when the range overlaps a hole. Also gives a used range back. */
int iova_put(struct iova_space *s, uint64_t first, uint64_t last);
/* len bytes (not 0) at a multiple of align (a power of two); -ENOSPC. */
int iova_get(struct iova_space *s, uint64_t len, uint64_t align, uint64_t *ret);
/* Takes just that range: 0, -EBUSY when some of it is in use or out of reach, or -ENOMEM. */
int iova_take(struct iova_space *s, uint64_t first, uint64_t last);
void iova_done(struct iova_space *s);

#endif
