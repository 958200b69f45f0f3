/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address space of the IOMMU: what devices in it reach by DMA is what was mapped here. One interface,
 * two kernels: a type1 container, and an IOAS of an iommufd. Functions return 0 or a negative errno.
 *
 * Mapping pins the memory. -ENOMEM: the pages, or the right to lock them (RLIMIT_MEMLOCK), are not there.
 * -EFAULT: there is no memory, or none that may be written. -EEXIST: the addresses are in use. -ENOSPC: the
 * kernel takes no more mappings (type1: 65535 a container). -EINVAL: no device of it can reach that.
 */
#ifndef DEV_IOMMU_H
#define DEV_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/iova.h"

#define IOMMU_MAX_RANGES 64u

struct iommu_range {
	uint64_t first, last;
};

struct iommu;

struct iommu_ops {
	const char *name;
	/* Whole pages; the device may always read. */
	int (*map)(struct iommu *m, uint64_t iova, void *at, uint64_t len, bool device_writes);
	/* Exactly what was mapped. */
	int (*unmap)(struct iommu *m, uint64_t iova, uint64_t len);
	/* What the devices that are in it now can all reach. */
	int (*ranges)(struct iommu *m, struct iommu_range ret[IOMMU_MAX_RANGES], uint32_t *n);
};

struct iommu {
	const struct iommu_ops *ops;
	int fd;	       /* /dev/vfio/vfio or /dev/iommu */
	uint32_t ioas; /* of an iommufd */
};

extern const struct iommu_ops iommu_type1, iommu_iommufd;

/* A new address space on an open /dev/iommu. */
int iommufd_alloc(int fd, uint32_t *ioas);

#endif
