/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/capability.h"

#include <linux/vfio.h>
#include <stddef.h>
#include <string.h>

#define LONGEST 64u

const void *capability_find(const void *answer, uint64_t len, uint32_t first, uint16_t id,
			    uint64_t least, uint64_t *room)
{
	uint32_t at = first;

	for (unsigned int i = 0; at && i < LONGEST; i++) {
		struct vfio_info_cap_header h;

		if (at % 8 || at > len || len - at < sizeof(h))
			return NULL;
		memcpy(&h, (const char *)answer + at, sizeof(h));
		if (h.id == id) {
			*room = len - at;
			return len - at < least ? NULL : (const char *)answer + at;
		}
		at = h.next;
	}
	return NULL;
}
