/* SPDX-License-Identifier: BSD-3-Clause */
/* The chains of capabilities in what VFIO answers (struct vfio_info_cap_header). */
#ifndef DEV_CAPABILITY_H
#define DEV_CAPABILITY_H

#include <stdint.h>

/*
 * The first capability of that id in the answer's len bytes, when least bytes of it are there; NULL
 * otherwise. *room: bytes from it to the end of the answer. Each offset is checked, and the chain's
 * length is bounded.
 */
const void *capability_find(const void *answer, uint64_t len, uint32_t first, uint16_t id,
			    uint64_t least, uint64_t *room);

#endif
