/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two ways to open a device share, for dev/vfio*.c alone. */
#ifndef DEV_VFIO_INTERNAL_H
#define DEV_VFIO_INTERNAL_H

#include "dev/vfio.h"

/* Notes the failure and returns rc. */
int dev_vfio_fail(struct vfio_failure *why, enum vfio_step step, int rc, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Opens a node for reading and writing; -ENOENT, -EACCES and -EBUSY are put in words. */
int dev_vfio_open_node(const char *path, const struct vfio_request *rq, enum vfio_step step,
		   struct vfio_failure *why);
/* Another device of the group is with a driver of the host: which. Returns -EPERM. */
int dev_vfio_not_viable(uint32_t group, struct vfio_failure *why);
/* A descriptor, given by the kernel outside of the seam, that is not one of the program's 0 to 2. */
int dev_vfio_lift(int fd);

/* Opens the space's descriptors. The space's lock held; on failure it may be half open. */
int group_open_space(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why);
int cdev_open_space(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why);
/* After a device could not be got: did the group lose its last device, so that what we have is a shell? */
bool group_is_gone(const struct vfio_space *s);
/* The device's descriptor, its DMA led to the space. */
int group_open_device(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why);
int cdev_open_device(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why);
/* May the device's node and /dev/iommu be opened? 0, or why not. */
int cdev_try(const struct vfio_request *rq, struct vfio_failure *why);

int dev_vfio_device_info(struct vfio_device *d);

#endif
