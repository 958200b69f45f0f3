/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening: what the device needs is checked in the order in which a person would mend it, so the first
 * thing that is wrong is what is told.
 */
#include "dev/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "dev/vfio-internal.h"

#define FIRST_ADDRESS UINT64_C(0x100000) /* below, programs see a NULL pointer */

int dev_vfio_fail(struct vfio_failure *why, enum vfio_step step, int rc, const char *fmt, ...)
{
	va_list ap;

	why->step = step;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return rc;
}

int dev_vfio_open_node(const char *path, const struct vfio_request *rq, enum vfio_step step,
		   struct vfio_failure *why)
{
	int fd = sys_open(path, O_RDWR, 0);

	switch (fd) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return dev_vfio_fail(why, step, fd, "%s is missing; `opae doctor %s` tells why", path,
				 rq->address);
	case -EACCES:
	case -EPERM:
		return dev_vfio_fail(why, step, fd,
				 "you have no permission to open %s; `sudo opae bind %s` gives it", path,
				 rq->address);
	case -EBUSY:
		return dev_vfio_fail(why, step, fd,
				     "%s is open already, in another process or elsewhere in this one; "
				     "`opae doctor %s` names it", path, rq->address);
	default:
		return fd < 0 ? dev_vfio_fail(why, step, fd, "%s: %s", path, strerror(-fd)) : fd;
	}
}

int dev_vfio_not_viable(uint32_t group, struct vfio_failure *why)
{
	char address[PCI_ADDRESS_LEN], driver[64];

	if (pci_group_spoiler(group, address, driver, sizeof(driver)))
		return dev_vfio_fail(why, VFIO_STEP_VIABLE, -EPERM,
				 "IOMMU group %u is not whole: %s, which is in it as well, is with "
				 "the driver %s; `sudo opae bind %s` takes it from there", group,
				 address, driver, address);
	return dev_vfio_fail(why, VFIO_STEP_VIABLE, -EPERM,
			 "IOMMU group %u is not whole: another device in it is with a driver of the "
			 "host", group);
}

int dev_vfio_lift(int fd)
{
	int high, rc;

	if (fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	rc = high < 0 ? -errno : high;
	sys_close(fd);
	return rc;
}

/* ---- spaces ---- */

void dev_vfio_spaces_init(struct vfio_spaces *s)
{
	s->first = NULL;
	pthread_mutex_init(&s->lock, NULL);
}

void dev_vfio_spaces_done(struct vfio_spaces *s)
{
	for (struct vfio_space *at = s->first, *next; at; at = next) {
		next = at->next;
		pthread_mutex_destroy(&at->lock);
		free(at);
	}
	pthread_mutex_destroy(&s->lock);
}

/* List's lock held. */
static struct vfio_space *find(struct vfio_spaces *list, uint32_t group)
{
	pid_t me = getpid();

	for (struct vfio_space *s = list->first; s; s = s->next)
		if (s->group == group && s->pid == me && !s->gone)
			return s;
	return NULL;
}

static struct vfio_space *space_ref(struct vfio_spaces *list, uint32_t group)
{
	struct vfio_space *s;
	SCOPED_LOCK(&list->lock);

	s = find(list, group);
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		s->group = group;
		s->pid = getpid();
		s->group_fd = s->iommu.fd = -1;
		pthread_mutex_init(&s->lock, NULL);
		s->next = list->first;
		list->first = s;
	}
	s->refs++;
	return s;
}

static void close_nodes(struct vfio_space *s)
{
	if (s->group_fd >= 0)
		sys_close(s->group_fd);
	if (s->iommu.fd >= 0)
		sys_close(s->iommu.fd); /* what is mapped still is unmapped by that */
	s->group_fd = s->iommu.fd = -1;
}

/* Also one that is half open. */
static void close_space(struct vfio_space *s)
{
	close_nodes(s);
	if (s->open)
		iova_pool_done(&s->addresses);
	s->open = s->has_addresses = false;
}

/* It stays in the list: somebody may be waiting for it. */
static void space_unref(struct vfio_spaces *list, struct vfio_space *s)
{
	bool last;

	pthread_mutex_lock(&list->lock);
	last = --s->refs == 0;
	if (last) {
		s->gone = false; /* whoever finds it waits, and finds it closed */
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&list->lock);
	if (!last)
		return;
	close_space(s);
	pthread_mutex_unlock(&s->lock);
}

static int learn_addresses(struct vfio_space *s)
{
	struct iommu_range r[IOMMU_MAX_RANGES];
	uint32_t n = 0;
	int rc = s->iommu.ops->ranges(&s->iommu, r, &n);

	for (uint32_t i = 0; i < n && !rc; i++) {
		uint64_t first = (r[i].first + 0xfff) & ~UINT64_C(0xfff);

		if (first < FIRST_ADDRESS)
			first = FIRST_ADDRESS;
		if (r[i].last > first && r[i].last != UINT64_MAX)
			rc = iova_pool_put(&s->addresses, first, r[i].last);
		else if (r[i].last > first) /* one byte less, so that no end is 0 */
			rc = iova_pool_put(&s->addresses, first, UINT64_MAX - 0x1000);
		if (rc == -EINVAL)
			rc = 0; /* told twice */
	}
	s->has_addresses = !rc;
	return rc;
}

static int open_space(struct vfio_space *s, enum vfio_way way, const struct vfio_request *rq,
		      struct vfio_failure *why)
{
	int rc;

	s->way = way;
	rc = way == VFIO_WAY_CDEV ? cdev_open_space(s, rq, why) : group_open_space(s, rq, why);
	if (rc) {
		close_space(s);
		return rc;
	}
	iova_pool_init(&s->addresses);
	s->open = true;
	return 0;
}

/* ---- devices ---- */

static int check(const struct vfio_request *rq, struct pci_info *info, struct vfio_failure *why)
{
	int rc = pci_read(rq->address, info);

	if (rc)
		return dev_vfio_fail(why, VFIO_STEP_DEVICE, rc == -ENOENT ? -ENODEV : rc,
				 rc == -ENOENT ? "there is no PCI device %s (any more)" :
						 "sysfs does not tell what %s is", rq->address);
	if (!strstr(info->driver, "vfio")) /* vfio-pci, and its variants for single devices */
		return dev_vfio_fail(why, VFIO_STEP_DRIVER, -ENODEV,
				 "%s is %s%s, not with vfio-pci; `sudo opae bind %s` brings it there",
				 rq->address, *info->driver ? "with the driver " : "without a driver",
				 info->driver, rq->address);
	if (info->group == PCI_NO_GROUP)
		return dev_vfio_fail(why, VFIO_STEP_IOMMU_OFF, -ENODEV,
				 "%s is in no IOMMU group: the IOMMU is off (intel_iommu=on or "
				 "amd_iommu=on for the kernel, VT-d or AMD-Vi in the firmware)",
				 rq->address);
	return 0;
}

/* Only where both nodes can be opened it is the device's own; what else is wrong there shows then. */
static int choose(const struct vfio_request *rq, enum vfio_way *ret)
{
	struct vfio_failure unused;
	int rc;

	if (rq->way != VFIO_WAY_ANY) {
		*ret = rq->way;
		return 0;
	}
	rc = cdev_try(rq, &unused);
	*ret = rc ? VFIO_WAY_GROUP : VFIO_WAY_CDEV;
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM ? rc : 0;
}

/* The space's lock held. -ESTALE: its group is gone. */
static int open_in(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	bool was_open = s->open;
	enum vfio_way way;
	int rc = 0, fd;

	if (!was_open) {
		rc = choose(rq, &way);
		if (rc)
			return dev_vfio_fail(why, VFIO_STEP_CONTAINER, rc, "%s: %s", rq->address,
					 strerror(-rc));
		rc = open_space(s, way, rq, why);
	}
	if (rc)
		return rc;
	fd = s->way == VFIO_WAY_CDEV ? cdev_open_device(s, rq, why) : group_open_device(s, rq, why);
	if (fd == -ENODEV && was_open && s->way == VFIO_WAY_GROUP && group_is_gone(s))
		return -ESTALE;
	if (fd < 0 || s->has_addresses)
		return fd;
	rc = learn_addresses(s); /* those that its devices can reach: there has to be one */
	if (rc) {
		sys_close(fd);
		return dev_vfio_fail(why, VFIO_STEP_INFO, rc,
				 "the IOMMU does not tell which addresses %s can reach: %s",
				 rq->address, strerror(-rc));
	}
	return fd;
}

static int open_in_locked(struct vfio_space *s, const struct vfio_request *rq, struct vfio_failure *why)
{
	SCOPED_LOCK(&s->lock);

	return open_in(s, rq, why);
}

static void forget(struct vfio_spaces *list, struct vfio_space *s)
{
	pthread_mutex_lock(&list->lock);
	s->gone = true;
	pthread_mutex_unlock(&list->lock);
	space_unref(list, s);
}

static int open_device(struct vfio_device *d, const struct vfio_request *rq, uint32_t group,
		       struct vfio_failure *why)
{
	for (;;) {
		d->space = space_ref(rq->spaces, group);
		if (!d->space)
			return dev_vfio_fail(why, VFIO_STEP_DEVICE, -ENOMEM, "no memory");
		d->fd = open_in_locked(d->space, rq, why);
		if (d->fd != -ESTALE)
			return d->fd < 0 ? d->fd : 0;
		forget(rq->spaces, d->space); /* the next one is a new one, or somebody else's newer one */
		d->space = NULL;
	}
}

int dev_vfio_open(const struct vfio_request *rq, struct vfio_failure *why, struct vfio_device *ret)
{
	struct vfio_device d = { .fd = -1, .spaces = rq->spaces };
	struct pci_info info;
	int rc = check(rq, &info, why);

	ret->fd = -1;
	ret->space = NULL;
	if (rc)
		return rc;
	memcpy(d.address, rq->address, sizeof(d.address));
	rc = open_device(&d, rq, info.group, why);
	if (!rc) {
		rc = dev_vfio_device_info(&d);
		if (rc)
			dev_vfio_fail(why, VFIO_STEP_INFO, rc, "%s does not tell what it has: %s",
				  rq->address, strerror(-rc));
	}
	if (rc)
		dev_vfio_close(&d);
	else
		*ret = d;
	return rc;
}

static bool may_use(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool may_use(const char *fmt, ...)
{
	char path[DEV_PATH_MAX], name[DEV_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	return !dev_path(path, "%s", name) && !sys_access(path, R_OK | W_OK);
}

bool dev_vfio_permitted(const char *address)
{
	char group[32], node[32];

	if (!sysfs_link(group, sizeof(group), "/sys/bus/pci/devices/%s/iommu_group", address) &&
	    may_use("/dev/vfio/%s", group))
		return true;
	return !pci_vfio_dev(address, node, sizeof(node)) && may_use("/dev/vfio/devices/%s", node);
}

void dev_vfio_close(struct vfio_device *d)
{
	if (d->fd >= 0)
		sys_close(d->fd);
	d->fd = -1;
	if (d->space)
		space_unref(d->spaces, d->space);
	d->space = NULL;
}

void dev_vfio_forked(struct vfio_device *d)
{
	if (d->fd >= 0)
		sys_close(d->fd);
	d->fd = -1;
	if (!d->space)
		return;
	pthread_mutex_init(&d->space->lock, NULL); /* who had it is not in this process */
	close_nodes(d->space);
}
