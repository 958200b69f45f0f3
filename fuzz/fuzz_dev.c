/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What VFIO answers: the description of a region, and of a container. The input is the answer; the kernel
 * copies as much of it as there is room for, and tells the whole length. Areas that are accepted are in the
 * region, at pages, sorted and apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "dev/vfio.h"
#include "fuzz/target.h"

static const uint8_t *answer;
static size_t answer_len;

static int answering_ioctl(int fd, unsigned long request, void *arg)
{
	uint32_t room, whole = (uint32_t)answer_len;

	(void)fd;
	(void)request;
	memcpy(&room, arg, sizeof(room));
	memcpy(arg, answer, room < answer_len ? room : answer_len);
	if (room >= sizeof(whole))
		memcpy(arg, &whole, sizeof(whole));
	return 0;
}

static void check_region(const struct vfio_region *r)
{
	uint64_t end = 0;

	if (r->num_areas > VFIO_MAX_AREAS)
		abort();
	for (uint32_t i = 0; i < r->num_areas; i++) {
		uint64_t at = r->areas[i].offset, size = r->areas[i].size;

		if (at % 4096 || at < end || !size || size > r->size || at > r->size - size)
			abort();
		end = at + size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sys_ops ops;
	const struct vfio_device d = { .fd = 3, .num_regions = 9, .num_irqs = 5 };
	struct iommu_range ranges[IOMMU_MAX_RANGES];
	struct iommu m = { .ops = &iommu_type1, .fd = 3 };
	struct vfio_region r;
	uint32_t n = 0;

	if (len < 64 || len > (1u << 17))
		return 0;
	answer = data;
	answer_len = len;
	ops = sys_kernel;
	ops.ioctl = answering_ioctl;
	sys_set(&ops);
	if (!dev_vfio_region(&d, 0, &r))
		check_region(&r);
	if (!m.ops->ranges(&m, ranges, &n) && n > IOMMU_MAX_RANGES)
		abort();
	sys_set(NULL);
	return 0;
}
