/* SPDX-License-Identifier: BSD-3-Clause */
/* By the device's own node and an iommufd (Linux 6.6 and later, where it was built in). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "dev/uapi/iommufd.h"
#include "dev/vfio-internal.h"

/* /dev/vfio/devices/vfioN; sysfs tells N. */
static int node_path(const struct vfio_request *rq, char path[DEV_PATH_MAX], struct vfio_failure *why)
{
	char name[32];
	int rc = pci_vfio_dev(rq->address, name, sizeof(name));

	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_NODE, rc,
				     "%s has no VFIO node of its own: the kernel is too old, or was built "
				     "without", rq->address);
	return dev_path(path, "/dev/vfio/devices/%s", name);
}

static int open_node(const struct vfio_request *rq, struct vfio_failure *why)
{
	char path[DEV_PATH_MAX];
	int rc = node_path(rq, path, why);

	return rc ? rc : dev_vfio_open_node(path, rq, VFIO_STEP_NODE, why);
}

static int open_iommufd(const struct vfio_request *rq, struct vfio_failure *why)
{
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, "/dev/iommu");

	return rc ? rc : dev_vfio_open_node(path, rq, VFIO_STEP_CONTAINER, why);
}

int cdev_try(const struct vfio_request *rq, struct vfio_failure *why)
{
	CLEANUP_CLOSE int iommu = -1;
	CLEANUP_CLOSE int node = open_node(rq, why);

	if (node < 0)
		return node;
	iommu = open_iommufd(rq, why);
	return iommu < 0 ? iommu : 0;
}

int cdev_open_space(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	int rc;

	s->iommu.ops = &iommu_iommufd;
	s->iommu.fd = open_iommufd(rq, why);
	if (s->iommu.fd < 0)
		return s->iommu.fd;
	rc = iommufd_alloc(s->iommu.fd, &s->iommu.ioas);
	return rc ? dev_vfio_fail(why, VFIO_STEP_TYPE1, rc, "/dev/iommu gives no address space: %s",
			      strerror(-rc)) : 0;
}

/*
 * A kernel that knows no tokens here asks for none. What it says of a device that somebody has open is
 * -EINVAL too, for only one may have it.
 */
static int bind_to(int fd, const struct vfio_space *s, const struct vfio_request *rq)
{
	struct uapi_vfio_bind_iommufd b = { .size = sizeof(b), .iommufd = s->iommu.fd };
	int rc = -EINVAL;

	if (rq->vf_token) {
		b.flags = UAPI_VFIO_BIND_TOKEN;
		b.vf_token = (uintptr_t)rq->vf_token;
		rc = sys_ioctl(fd, UAPI_VFIO_DEVICE_BIND_IOMMUFD, &b);
	}
	if (rc == -EINVAL) {
		b = (struct uapi_vfio_bind_iommufd){ .size = UAPI_VFIO_BIND_SIZE_V1,
						     .iommufd = s->iommu.fd };
		rc = sys_ioctl(fd, UAPI_VFIO_DEVICE_BIND_IOMMUFD, &b);
	}
	return rc == -EINVAL ? -EBUSY : rc;
}

/* The group has an owner, and it is not this iommufd: a driver of the host, or another process. */
static int not_given(const struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	char address[PCI_ADDRESS_LEN], driver[64];

	if (pci_group_spoiler(s->group, address, driver, sizeof(driver)))
		return dev_vfio_not_viable(s->group, why);
	return dev_vfio_fail(why, VFIO_STEP_NODE, -EBUSY,
			     "a device of IOMMU group %u, in which %s is, is open in another process or "
			     "elsewhere in this one", s->group, rq->address);
}

static int attach(int fd, const struct vfio_space *s, const struct vfio_request *rq,
		  struct vfio_failure *why)
{
	struct uapi_vfio_attach a = { .size = sizeof(a), .page_table = s->iommu.ioas };
	int rc = bind_to(fd, s, rq);

	if (rc == -EBUSY)
		return dev_vfio_fail(why, VFIO_STEP_NODE, rc,
				     "%s is open already, in another process or elsewhere in this one; "
				     "`opae doctor %s` names it", rq->address, rq->address);
	if (rc == -EPERM)
		return not_given(s, rq, why);
	if (rc == -EACCES)
		return dev_vfio_fail(why, VFIO_STEP_TOKEN, -EKEYREJECTED,
				 "%s wants the VF token of its physical function, and this is not it",
				 rq->address);
	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_GET_DEVICE, rc, "%s cannot be bound to an iommufd: %s",
				 rq->address, strerror(-rc));
	rc = sys_ioctl(fd, UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &a);
	return rc ? dev_vfio_fail(why, VFIO_STEP_SET_CONTAINER, rc,
			      "%s cannot be attached to an address space: %s", rq->address,
			      strerror(-rc)) : 0;
}

int cdev_open_device(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	CLEANUP_CLOSE int fd = open_node(rq, why);
	int rc = fd < 0 ? fd : attach(fd, s, rq, why);

	return rc ? rc : fd_steal(&fd);
}
