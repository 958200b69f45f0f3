/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What iommufd and VFIO's device nodes are asked for, newer than the kernel headers that this project
 * builds with. Layouts and numbers: Linux include/uapi/linux/iommufd.h (6.2 on) and vfio.h (6.6 on).
 * The first word of each is its own size; what is 0 in it is reserved.
 */
#ifndef DEV_UAPI_IOMMUFD_H
#define DEV_UAPI_IOMMUFD_H

#include <linux/ioctl.h>
#include <stdint.h>

/* On /dev/iommu. */
#define UAPI_IOMMU_DESTROY _IO(';', 0x80)
#define UAPI_IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define UAPI_IOMMU_IOAS_IOVA_RANGES _IO(';', 0x84)
#define UAPI_IOMMU_IOAS_MAP _IO(';', 0x85)
#define UAPI_IOMMU_IOAS_UNMAP _IO(';', 0x86)

struct uapi_iommu_destroy {
	uint32_t size, id;
};

struct uapi_iommu_ioas_alloc {
	uint32_t size, flags;
	uint32_t ioas; /* out: the address space's id */
};

struct uapi_iommu_range {
	uint64_t first, last;
};

/* -EMSGSIZE when there are more ranges than room; num then tells how many. */
struct uapi_iommu_ioas_iova_ranges {
	uint32_t size, ioas;
	uint32_t num; /* in: room, out: ranges */
	uint32_t reserved;
	uint64_t ranges;    /* address of uapi_iommu_range[] */
	uint64_t alignment; /* out: of addresses and lengths */
};

#define UAPI_IOMMU_MAP_FIXED_IOVA 1u
#define UAPI_IOMMU_MAP_WRITEABLE 2u
#define UAPI_IOMMU_MAP_READABLE 4u

struct uapi_iommu_ioas_map {
	uint32_t size, flags;
	uint32_t ioas, reserved;
	uint64_t address, length, iova;
};

struct uapi_iommu_ioas_unmap {
	uint32_t size, ioas;
	uint64_t iova;
	uint64_t length; /* in and out */
};

/* On /dev/vfio/devices/vfioN. */
#define UAPI_VFIO_DEVICE_BIND_IOMMUFD _IO(';', 100 + 18)
#define UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(';', 100 + 19)

#define UAPI_VFIO_BIND_TOKEN 1u /* since 6.17; before, no flag is known, and no token is asked for */

struct uapi_vfio_bind_iommufd {
	uint32_t size, flags;
	int32_t iommufd;
	uint32_t device;   /* out */
	uint64_t vf_token; /* address of 16 bytes */
};

/* What kernels before the token know of it. */
#define UAPI_VFIO_BIND_SIZE_V1 16u

struct uapi_vfio_attach {
	uint32_t size, flags;
	uint32_t page_table; /* the address space's id */
};

_Static_assert(sizeof(struct uapi_iommu_ioas_alloc) == 12, "as the kernel has it");
_Static_assert(sizeof(struct uapi_iommu_ioas_iova_ranges) == 32, "as the kernel has it");
_Static_assert(sizeof(struct uapi_iommu_ioas_map) == 40, "as the kernel has it");
_Static_assert(sizeof(struct uapi_iommu_ioas_unmap) == 24, "as the kernel has it");
_Static_assert(sizeof(struct uapi_vfio_bind_iommufd) == 24, "as the kernel has it");
_Static_assert(sizeof(struct uapi_vfio_attach) == 12, "as the kernel has it");

#endif
