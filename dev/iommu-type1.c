/* SPDX-License-Identifier: BSD-3-Clause */
/* The address space as a type1 container (kernel: include/uapi/linux/vfio.h). */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dev/capability.h"
#include "dev/iommu.h"

#define INFO_MAX (64u << 10)

/* All addresses that fit the smallest width of an IOMMU: for kernels that do not tell (before 5.4). */
#define WHOLE_LAST ((UINT64_C(1) << 39) - 1)
/* Where x86 has its interrupts. */
#define MSI_FIRST UINT64_C(0xfee00000)
#define MSI_LAST UINT64_C(0xfeefffff)

static int map(struct iommu *m, uint64_t iova, void *at, uint64_t len, bool device_writes)
{
	struct vfio_iommu_type1_dma_map a = {
		.argsz = sizeof(a),
		.flags = VFIO_DMA_MAP_FLAG_READ | (device_writes ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)at,
		.iova = iova,
		.size = len,
	};

	return sys_ioctl(m->fd, VFIO_IOMMU_MAP_DMA, &a);
}

static int unmap(struct iommu *m, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap a = { .argsz = sizeof(a), .iova = iova, .size = len };
	int rc = sys_ioctl(m->fd, VFIO_IOMMU_UNMAP_DMA, &a);

	return rc ? rc : a.size == len ? 0 : -ENOENT; /* of what is not mapped the size is 0 */
}

/* The description with its capabilities; the caller frees. */
static int get_info(int fd, struct vfio_iommu_type1_info **ret)
{
	struct vfio_iommu_type1_info head = { .argsz = sizeof(head) }, *whole;
	int rc = sys_ioctl(fd, VFIO_IOMMU_GET_INFO, &head);

	if (rc)
		return rc;
	if (head.argsz < sizeof(head) || head.argsz > INFO_MAX)
		return -EPROTO;
	whole = calloc(1, head.argsz);
	if (!whole)
		return -ENOMEM;
	whole->argsz = head.argsz;
	rc = sys_ioctl(fd, VFIO_IOMMU_GET_INFO, whole);
	if (!rc && whole->argsz > head.argsz)
		rc = -EAGAIN; /* grew meanwhile */
	if (rc)
		free(whole);
	else
		*ret = whole;
	return rc;
}

static uint32_t copy_ranges(const struct vfio_iommu_type1_info_cap_iova_range *cap, uint64_t room,
			    struct iommu_range ret[IOMMU_MAX_RANGES])
{
	uint64_t n = cap->nr_iovas;

	if (n > (room - sizeof(*cap)) / sizeof(cap->iova_ranges[0]))
		n = (room - sizeof(*cap)) / sizeof(cap->iova_ranges[0]);
	if (n > IOMMU_MAX_RANGES)
		n = IOMMU_MAX_RANGES;
	for (uint64_t i = 0; i < n; i++)
		ret[i] = (struct iommu_range){ cap->iova_ranges[i].start, cap->iova_ranges[i].end };
	return (uint32_t)n;
}

static int ranges(struct iommu *m, struct iommu_range ret[IOMMU_MAX_RANGES], uint32_t *n)
{
	CLEANUP_FREE struct vfio_iommu_type1_info *info = NULL;
	const void *cap;
	uint64_t room;
	int rc = get_info(m->fd, &info);

	if (rc)
		return rc;
	cap = info->flags & VFIO_IOMMU_INFO_CAPS ?
		      capability_find(info, info->argsz, info->cap_offset,
				      VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
				      sizeof(struct vfio_iommu_type1_info_cap_iova_range), &room) :
		      NULL;
	if (cap) {
		*n = copy_ranges(cap, room, ret);
		return 0;
	}
	ret[0] = (struct iommu_range){ 0, MSI_FIRST - 1 };
	ret[1] = (struct iommu_range){ MSI_LAST + 1, WHOLE_LAST };
	*n = 2;
	return 0;
}

const struct iommu_ops iommu_type1 = {
	.name = "type1",
	.map = map,
	.unmap = unmap,
	.ranges = ranges,
};
