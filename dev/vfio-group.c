/* SPDX-License-Identifier: BSD-3-Clause */
/* By the IOMMU group and a type1 container. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "dev/vfio-internal.h"

#define TOKEN_TEXT_LEN 37

static int open_container(struct vfio_space *s, const struct vfio_request *rq,
			  struct vfio_failure *why)
{
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, "/dev/vfio/vfio");

	if (!rc)
		rc = s->iommu.fd = dev_vfio_open_node(path, rq, VFIO_STEP_CONTAINER, why);
	if (rc < 0)
		return rc;
	rc = sys_ioctl(s->iommu.fd, VFIO_GET_API_VERSION, NULL);
	if (rc != VFIO_API_VERSION)
		return rc < 0 ? dev_vfio_fail(why, VFIO_STEP_API, rc,
					      "/dev/vfio/vfio does not tell its version: %s",
					      strerror(-rc)) :
				dev_vfio_fail(why, VFIO_STEP_API, -EPROTO,
					      "/dev/vfio/vfio speaks version %d of VFIO, not %d", rc,
					      VFIO_API_VERSION);
	rc = sys_ioctl(s->iommu.fd, VFIO_CHECK_EXTENSION, (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (rc != 1)
		return dev_vfio_fail(why, VFIO_STEP_TYPE1, rc < 0 ? rc : -ENOTSUP,
				 "the kernel has no type1 IOMMU; `modprobe vfio_iommu_type1` loads it");
	return 0;
}

static int open_group(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, "/dev/vfio/%u", s->group);

	if (!rc)
		rc = s->group_fd = dev_vfio_open_node(path, rq, VFIO_STEP_NODE, why);
	if (rc < 0)
		return rc;
	rc = sys_ioctl(s->group_fd, VFIO_GROUP_GET_STATUS, &status);
	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_STATUS, rc, "IOMMU group %u does not tell its status: %s",
				 s->group, strerror(-rc));
	return status.flags & VFIO_GROUP_FLAGS_VIABLE ? 0 : dev_vfio_not_viable(s->group, why);
}

static int join(struct vfio_space *s, struct vfio_failure *why)
{
	int rc = sys_ioctl(s->group_fd, VFIO_GROUP_SET_CONTAINER, &s->iommu.fd);

	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_SET_CONTAINER, rc,
				 "IOMMU group %u cannot be put into a container: %s", s->group,
				 strerror(-rc));
	rc = sys_ioctl(s->iommu.fd, VFIO_SET_IOMMU, (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (rc == -EPERM)
		return dev_vfio_fail(why, VFIO_STEP_SET_IOMMU, rc,
				 "the IOMMU does not remap interrupts, so IOMMU group %u is not given to "
				 "programs; in a machine that is trusted, "
				 "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts allows it",
				 s->group);
	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_SET_IOMMU, rc,
				 "the container cannot have a type1 IOMMU: %s", strerror(-rc));
	return 0;
}

int group_open_space(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	int rc;

	s->iommu.ops = &iommu_type1;
	rc = open_container(s, rq, why);
	if (!rc)
		rc = open_group(s, rq, why);
	return rc ? rc : join(s, why);
}

bool group_is_gone(const struct vfio_space *s)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int rc = sys_ioctl(s->group_fd, VFIO_GROUP_GET_STATUS, &status);

	return rc == -ENODEV || (!rc && !(status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET));
}

static void token_text(const uint8_t *t, char out[TOKEN_TEXT_LEN])
{
	int at = 0;

	for (int i = 0; i < 16; i++)
		at += snprintf(out + at, (size_t)(TOKEN_TEXT_LEN - at),
			       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", t[i]);
}

int group_open_device(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	char name[PCI_ADDRESS_LEN + sizeof(" vf_token=") + TOKEN_TEXT_LEN], token[TOKEN_TEXT_LEN];
	int fd;

	if (rq->vf_token)
		token_text(rq->vf_token, token);
	snprintf(name, sizeof(name), "%s%s%s", rq->address, rq->vf_token ? " vf_token=" : "",
		 rq->vf_token ? token : "");
	fd = sys_ioctl(s->group_fd, VFIO_GROUP_GET_DEVICE_FD, name);
	if (fd == -EACCES)
		return dev_vfio_fail(why, VFIO_STEP_TOKEN, -EKEYREJECTED,
				 "%s wants the VF token of its physical function, and this is not it",
				 rq->address);
	if (fd == -EINVAL && rq->vf_token)
		return dev_vfio_fail(why, VFIO_STEP_GET_DEVICE, fd,
				     "%s asks for no VF token, but is given one: take \"vf_token\" out of "
				     "the configuration", rq->address);
	if (fd < 0)
		return dev_vfio_fail(why, VFIO_STEP_GET_DEVICE, fd, "%s cannot be opened: %s",
				 rq->address, strerror(-fd));
	return dev_vfio_lift(fd);
}
