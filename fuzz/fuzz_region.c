/* SPDX-License-Identifier: BSD-3-Clause */
/* A reply about a region: accepted areas are whole pages inside it, sorted, and apart. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "vfio-user/client-region.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vu_region_info info;
	struct vu_region r;
	const char *problem;
	uint64_t end = 0;

	if (len < sizeof(info))
		return 0;
	memcpy(&info, data, sizeof(info));
	if (vu_region_areas(&info, data + sizeof(info), len - sizeof(info), &r, &problem))
		return 0;
	for (uint32_t i = 0; i < r.num_areas; i++) {
		const struct vu_area *a = &r.areas[i];

		if (a->offset < end || a->offset % 4096 || a->size % 4096 || !a->size ||
		    a->size > r.size || a->offset > r.size - a->size)
			abort();
		end = a->offset + a->size;
	}
	return 0;
}
