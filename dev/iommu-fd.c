/* SPDX-License-Identifier: BSD-3-Clause */
/* The address space as an IOAS of an iommufd. */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "dev/iommu.h"
#include "dev/uapi/iommufd.h"

int iommufd_alloc(int fd, uint32_t *ioas)
{
	struct uapi_iommu_ioas_alloc a = { .size = sizeof(a) };
	int rc = sys_ioctl(fd, UAPI_IOMMU_IOAS_ALLOC, &a);

	if (!rc)
		*ioas = a.ioas;
	return rc;
}

static int map(struct iommu *m, uint64_t iova, void *at, uint64_t len, bool device_writes)
{
	struct uapi_iommu_ioas_map a = {
		.size = sizeof(a),
		.flags = UAPI_IOMMU_MAP_FIXED_IOVA | UAPI_IOMMU_MAP_READABLE |
			 (device_writes ? UAPI_IOMMU_MAP_WRITEABLE : 0),
		.ioas = m->ioas,
		.address = (uintptr_t)at,
		.length = len,
		.iova = iova,
	};

	return sys_ioctl(m->fd, UAPI_IOMMU_IOAS_MAP, &a);
}

static int unmap(struct iommu *m, uint64_t iova, uint64_t len)
{
	struct uapi_iommu_ioas_unmap a = { .size = sizeof(a), .ioas = m->ioas, .iova = iova,
					   .length = len };
	int rc = sys_ioctl(m->fd, UAPI_IOMMU_IOAS_UNMAP, &a);

	return rc ? rc : a.length == len ? 0 : -ENOENT;
}

static int ranges(struct iommu *m, struct iommu_range ret[IOMMU_MAX_RANGES], uint32_t *n)
{
	struct uapi_iommu_range got[IOMMU_MAX_RANGES];
	struct uapi_iommu_ioas_iova_ranges a = { .size = sizeof(a), .ioas = m->ioas,
						 .num = IOMMU_MAX_RANGES,
						 .ranges = (uintptr_t)got };
	int rc;

	memset(got, 0, sizeof(got));
	rc = sys_ioctl(m->fd, UAPI_IOMMU_IOAS_IOVA_RANGES, &a);
	if (rc == -EMSGSIZE)
		rc = 0; /* the first ones are there, and enough */
	if (rc)
		return rc;
	*n = a.num < IOMMU_MAX_RANGES ? a.num : IOMMU_MAX_RANGES;
	for (uint32_t i = 0; i < *n; i++)
		ret[i] = (struct iommu_range){ got[i].first, got[i].last };
	return 0;
}

const struct iommu_ops iommu_iommufd = {
	.name = "iommufd",
	.map = map,
	.unmap = unmap,
	.ranges = ranges,
};
