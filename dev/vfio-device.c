/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked of a device's own descriptor, which is the same by both ways. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "dev/capability.h"
#include "dev/vfio-internal.h"

#define PAGE 4096u
#define INFO_MAX (64u << 10)
#define MAX_VECTORS 2048u

int dev_vfio_device_info(struct vfio_device *d)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc = sys_ioctl(d->fd, VFIO_DEVICE_GET_INFO, &info);

	if (rc)
		return rc;
	d->flags = info.flags;
	d->num_regions = info.num_regions;
	d->num_irqs = info.num_irqs;
	return info.flags & VFIO_DEVICE_FLAGS_PCI ? 0 : -ENODEV;
}

/* ---- regions ---- */

/* The description with its capabilities; the caller frees. */
static int get_region(int fd, uint32_t index, struct vfio_region_info **ret)
{
	struct vfio_region_info head = { .argsz = sizeof(head), .index = index }, *whole;
	int rc = sys_ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &head);

	if (rc)
		return rc;
	if (head.argsz > INFO_MAX)
		return -EPROTO;
	whole = calloc(1, head.argsz < sizeof(head) ? sizeof(head) : head.argsz);
	if (!whole)
		return -ENOMEM;
	*whole = head;
	if (head.argsz > sizeof(head)) {
		rc = sys_ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, whole);
		if (!rc && whole->argsz > head.argsz)
			rc = -EAGAIN;
	}
	if (rc)
		free(whole);
	else
		*ret = whole;
	return rc;
}

static void add_area(struct vfio_region *r, uint64_t offset, uint64_t size)
{
	uint64_t last = r->num_areas ? r->areas[r->num_areas - 1].offset +
					       r->areas[r->num_areas - 1].size : 0;

	/* Sorted, apart, in whole pages and inside, or not at all: it is reached by calls then. */
	if (!size || offset % PAGE || offset < last || offset >= r->size ||
	    size > r->size - offset || r->num_areas == VFIO_MAX_AREAS)
		return;
	r->areas[r->num_areas].offset = offset;
	r->areas[r->num_areas++].size = size;
}

static void add_sparse(struct vfio_region *r, const struct vfio_region_info_cap_sparse_mmap *cap,
		       uint64_t room)
{
	uint64_t n = cap->nr_areas, most = (room - sizeof(*cap)) / sizeof(cap->areas[0]);

	for (uint64_t i = 0; i < n && i < most; i++)
		add_area(r, cap->areas[i].offset, cap->areas[i].size);
}

int dev_vfio_region(const struct vfio_device *d, uint32_t index, struct vfio_region *ret)
{
	CLEANUP_FREE struct vfio_region_info *info = NULL;
	const void *cap = NULL;
	uint64_t room;
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	if (index < d->num_regions)
		rc = get_region(d->fd, index, &info);
	if (rc == -EINVAL)
		return 0; /* one that this device has not, such as VGA */
	if (rc || !info)
		return rc;
	ret->size = info->size;
	ret->offset = info->offset;
	ret->read = info->flags & VFIO_REGION_INFO_FLAG_READ;
	ret->write = info->flags & VFIO_REGION_INFO_FLAG_WRITE;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;
	if (info->flags & VFIO_REGION_INFO_FLAG_CAPS)
		cap = capability_find(info, info->argsz, info->cap_offset,
				      VFIO_REGION_INFO_CAP_SPARSE_MMAP,
				      sizeof(struct vfio_region_info_cap_sparse_mmap), &room);
	if (cap)
		add_sparse(ret, cap, room);
	else
		add_area(ret, 0, ret->size);
	return 0;
}

size_t dev_vfio_area_length(uint64_t size)
{
	return (size_t)((size + PAGE - 1) & ~(uint64_t)(PAGE - 1));
}

int dev_vfio_region_map(const struct vfio_device *d, const struct vfio_region *r, uint32_t area, void **ret)
{
	int prot = (r->read ? PROT_READ : 0) | (r->write ? PROT_WRITE : 0);

	return sys_mmap(NULL, dev_vfio_area_length(r->areas[area].size), prot, MAP_SHARED, d->fd,
			(off_t)(r->offset + r->areas[area].offset), ret);
}

/* ---- interrupts ---- */

int dev_vfio_irq_info(const struct vfio_device *d, uint32_t index, uint32_t *count, uint32_t *flags)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int rc = index < d->num_irqs ? sys_ioctl(d->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) : -EINVAL;

	if (rc && rc != -EINVAL)
		return rc;
	*count = rc || !(info.flags & VFIO_IRQ_INFO_EVENTFD) ? 0 : info.count;
	*flags = rc ? 0 : info.flags;
	return 0;
}

int dev_vfio_irq_count(const struct vfio_device *d, uint32_t index, uint32_t *count)
{
	uint32_t flags;

	return dev_vfio_irq_info(d, index, count, &flags);
}

int dev_vfio_irq_set(const struct vfio_device *d, uint32_t index, uint32_t first, uint32_t n,
		 const int32_t *fds)
{
	struct {
		struct vfio_irq_set head;
		int32_t fds[MAX_VECTORS];
	} set;

	if (n > MAX_VECTORS)
		return -EINVAL;
	set.head = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(set.head) + n * sizeof(int32_t)),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = first,
		.count = n,
	};
	memcpy(set.fds, fds, n * sizeof(int32_t));
	return sys_ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &set);
}

int dev_vfio_irq_on(const struct vfio_device *d, uint32_t index, uint32_t vector, int32_t fd, uint32_t *n)
{
	int32_t fds[MAX_VECTORS];
	uint32_t most = *n < MAX_VECTORS ? *n : MAX_VECTORS;

	if (vector >= most)
		return -ENOSPC;
	memset(fds, 0xff, sizeof(fds));
	fds[vector] = fd;
	while (vector < most) {
		int rc = dev_vfio_irq_set(d, index, 0, most, fds);

		if (!rc)
			*n = most;
		if (rc <= 0)
			return rc;
		if ((uint32_t)rc >= most)
			break;
		most = (uint32_t)rc;
	}
	return -ENOSPC;
}

int dev_vfio_irq_off(const struct vfio_device *d, uint32_t index)
{
	struct vfio_irq_set set = { .argsz = sizeof(set),
				    .flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
				    .index = index };

	return sys_ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &set);
}

int dev_vfio_irq_mask(const struct vfio_device *d, uint32_t index, uint32_t vector, bool mask)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE |
			 (mask ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK),
		.index = index,
		.start = vector,
		.count = 1,
	};

	return sys_ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &set);
}

int dev_vfio_reset(const struct vfio_device *d)
{
	if (!(d->flags & VFIO_DEVICE_FLAGS_RESET))
		return -ENOTTY;
	return sys_ioctl(d->fd, VFIO_DEVICE_RESET, NULL);
}
