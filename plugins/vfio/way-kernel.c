/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device behind the kernel's vfio-pci.
 *
 * The kernel may want it back: it is unplugged, or somebody binds it to another driver. It asks by an
 * interrupt and then waits, for as long as it takes, until nobody has the device open. So a thread waits
 * for that interrupt, and gives the device up: mapped registers become all-ones, the descriptor becomes
 * another one in place, and the handles find a dead device. The same is done with a device whose
 * registers have gone, so that it is there for whoever comes next.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "plugins/vfio/kernel-device.h"
#include "dev/ones.h"

#define NO_MEMORY                                                                                  \
	"an access to a register found none: the device was removed, or its memory is switched off"

/* What the kernel refuses as malformed is no fault of the program's arguments, which were checked. */
static int as_seen(int rc)
{
	return rc == -EINVAL || rc == -ENAMETOOLONG ? -EIO : rc;
}

int kernel_note(struct device *d, int rc, const char *fmt, ...)
{
	va_list ap;

	if (is_dead(d))
		return -ENODEV; /* with the reason that it died of */
	va_start(ap, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
	return as_seen(rc);
}

/* ---- the device is taken back ---- */

/* Also closes: calls under way end with the old descriptor, later ones meet an eventfd and fail. */
static void give_up(struct device *d, const char *why)
{
	SCOPED_LOCK(&d->lock);

	d->died_of = why;
	atomic_store(&d->base.dead, true);
	kernel_cover(d);
	sys_dup_over(d->wakes[WAKE_STOP], d->d.fd);
}

static const char *reason(const struct pollfd fds[WAKES])
{
	if (fds[WAKE_REQUEST].revents)
		return "the system has taken the device back: it was removed, or is bound to another driver";
	if (fds[WAKE_ERROR].revents)
		return "the device reported an error on its bus from which it does not recover";
	return NO_MEMORY;
}

static void *watch(void *arg)
{
	struct device *d = arg;
	struct pollfd fds[WAKES];
	int rc;

	for (int i = 0; i < WAKES; i++)
		fds[i] = (struct pollfd){ .fd = d->wakes[i], .events = POLLIN };
	do
		rc = sys_poll(fds, WAKES, -1);
	while (rc == -EINTR);
	if (rc < 0 || fds[WAKE_STOP].revents)
		return NULL;
	give_up(d, reason(fds));
	return NULL;
}

/* A device that cannot tell is used as well. */
static int arm(struct device *d, uint32_t index, int *fd)
{
	uint32_t n = 0;
	int rc = dev_vfio_irq_count(&d->d, index, &n);

	if (rc || !n)
		return rc;
	*fd = sys_eventfd(0, 0);
	return *fd < 0 ? *fd : dev_vfio_irq_set(&d->d, index, 0, 1, fd);
}

static int start_watching(struct device *d)
{
	int rc = d->wakes[WAKE_STOP] = sys_eventfd(0, 0);

	if (rc >= 0)
		rc = d->wakes[WAKE_DEAD] = sys_eventfd(0, 0);
	if (rc >= 0)
		rc = arm(d, VFIO_PCI_REQ_IRQ_INDEX, &d->wakes[WAKE_REQUEST]);
	if (!rc)
		rc = arm(d, VFIO_PCI_ERR_IRQ_INDEX, &d->wakes[WAKE_ERROR]);
	if (!rc)
		rc = thread_start(&d->watcher, NULL, watch, d);
	d->watched = !rc;
	return rc > 0 ? -EIO : rc;
}

static void stop_watching(struct device *d)
{
	if (!d->watched)
		return;
	eventfd_write(d->wakes[WAKE_STOP], 1);
	pthread_join(d->watcher, NULL);
}

static void close_wakes(struct device *d)
{
	for (int i = 0; i < WAKES; i++)
		if (d->wakes[i] >= 0)
			sys_close(d->wakes[i]);
}

/* ---- a child of fork ---- */

static void in_child(struct fork_watch *w)
{
	struct device *d = (struct device *)((char *)w - offsetof(struct device, forks));

	pthread_mutex_init(&d->lock, NULL); /* who had it is not in this process */
	if (!is_dead(d))
		snprintf(d->why, sizeof(d->why),
			 "it was opened by process %d, of which this one was forked; open it here as well",
			 (int)d->pid);
	if (!d->died_of)
		d->died_of = d->why;
	d->base.forked = true;
	atomic_store(&d->base.dead, true);
	kernel_cover(d);
	dev_vfio_forked(&d->d);
	d->watched = false; /* the thread is the parent's */
}

/* ---- life ---- */

static void way_close(struct vdev *v)
{
	struct device *d = of(v);

	forks_unwatch(&d->forks);
	stop_watching(d);
	kernel_unmap_all(d);
	close_wakes(d); /* no SIGBUS is to write to them any more */
	dev_vfio_close(&d->d);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static int open_device(struct device *d, const char *address, const struct vdev_options *opt,
		       char *why, size_t why_len)
{
	const struct vfio_request rq = { .address = address,
					 .way = opt->kernel_way,
					 .vf_token = opt->vf_token,
					 .spaces = opt->spaces };
	struct vfio_failure failure;
	int rc = ones_prepare();

	if (rc) {
		snprintf(why, why_len, "SIGBUS cannot be handled: %s", strerror(-rc));
		return rc;
	}
	rc = dev_vfio_open(&rq, &failure, &d->d);
	if (rc)
		snprintf(why, why_len, "%s", failure.text);
	else
		d->base.addresses = &d->d.space->addresses;
	return rc;
}

static int way_open(const char *address, const struct vdev_options *opt, char *why, size_t why_len,
		    struct vdev **ret)
{
	struct device *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->base.ops = &way_kernel;
	d->d.fd = -1;
	for (int i = 0; i < WAKES; i++)
		d->wakes[i] = -1;
	pthread_mutex_init(&d->lock, NULL);
	d->pid = getpid();
	forks_watch(&d->forks, in_child);
	rc = open_device(d, address, opt, why, why_len);
	if (!rc && opt->to_use) {
		rc = start_watching(d);
		if (rc)
			snprintf(why, why_len, "it cannot be watched: %s", strerror(-rc));
	}
	if (rc) {
		way_close(&d->base);
		return as_seen(rc);
	}
	*ret = &d->base;
	return 0;
}

static void way_why(struct vdev *v, char *out, size_t len)
{
	struct device *d = of(v);
	SCOPED_LOCK(&d->lock);

	snprintf(out, len, "%s", !is_dead(d) ? d->why : d->died_of ? d->died_of : NO_MEMORY);
}

static int way_reset(struct vdev *v)
{
	struct device *d = of(v);
	int rc = dev_vfio_reset(&d->d);
	SCOPED_LOCK(&d->lock);

	if (rc == -ENOTTY)
		return kernel_note(d, rc, "the kernel has no way to reset this device alone");
	return rc ? kernel_note(d, rc, "the device cannot be reset: %s", strerror(-rc)) : 0;
}

/* ---- DMA ---- */

static int no_memory(struct device *d, uint64_t size)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		return kernel_note(d, -ENOMEM,
			    "%llu KiB more cannot be locked in memory for the device: the limit is "
			    "%llu KiB in all (RLIMIT_MEMLOCK); `sudo prlimit --pid %d "
			    "--memlock=unlimited` lifts it, memlock in /etc/security/limits.conf for good",
			    (unsigned long long)size >> 10, (unsigned long long)limit.rlim_cur >> 10,
			    getpid());
	return kernel_note(d, -ENOMEM, "there is no memory to lock %llu KiB for the device",
		    (unsigned long long)size >> 10);
}

static int way_dma_map(struct vdev *v, uint64_t iova, void *at, uint64_t size, int fd,
		       bool device_writes)
{
	struct device *d = of(v);
	struct iommu *m = &d->d.space->iommu;
	/* Memory of the program's may begin anywhere in a page; iova is of the page. */
	void *page = (char *)at - (uintptr_t)at % 4096;
	int rc = is_dead(d) ? -ENODEV : m->ops->map(m, iova, page, size, device_writes);
	SCOPED_LOCK(&d->lock);

	(void)fd;
	if (rc == -ENOMEM)
		return no_memory(d, size);
	if (rc == -ENOSPC)
		return kernel_note(d, -ENOMEM, "the IOMMU takes no more mappings");
	return rc ? kernel_note(d, rc, "0x%llx bytes cannot be mapped for the device at 0x%llx: %s",
			 (unsigned long long)size, (unsigned long long)iova, strerror(-rc)) : 0;
}

/*
 * Also of a device that is gone: its pages are locked still. But when the last device of a group is taken
 * away, a container loses all at once, and knows of nothing.
 */
static int way_dma_unmap(struct vdev *v, uint64_t iova, uint64_t size, bool had_fd)
{
	struct device *d = of(v);
	struct iommu *m = &d->d.space->iommu;
	int rc = m->ops->unmap(m, iova, size);
	SCOPED_LOCK(&d->lock);

	(void)had_fd;
	if (is_dead(d))
		return 0;
	return rc ? kernel_note(d, rc, "0x%llx bytes at 0x%llx cannot be unmapped: %s",
			 (unsigned long long)size, (unsigned long long)iova, strerror(-rc)) : 0;
}

/* ---- interrupts ---- */

static int way_irq_count(struct vdev *v, uint32_t index, uint32_t *count)
{
	struct device *d = of(v);
	int rc = dev_vfio_irq_count(&d->d, index, count);
	SCOPED_LOCK(&d->lock);

	return rc ? kernel_note(d, rc, "its interrupts cannot be learned of: %s", strerror(-rc)) : 0;
}

/* The first vector that is wanted turns all on. Lock held. */
static int bind_vector(struct device *d, uint32_t index, uint32_t vector, int fd)
{
	int32_t value = fd;
	uint32_t n;
	int rc;

	if (d->vectors[index])
		return vector < d->vectors[index] ?
			       dev_vfio_irq_set(&d->d, index, vector, 1, &value) : -ENOSPC;
	rc = dev_vfio_irq_count(&d->d, index, &n);
	if (!rc)
		rc = dev_vfio_irq_on(&d->d, index, vector, fd, &n);
	if (!rc)
		d->vectors[index] = n;
	return rc;
}

static int way_irq_bind(struct vdev *v, uint32_t index, uint32_t vector, int fd)
{
	struct device *d = of(v);
	int rc;
	SCOPED_LOCK(&d->lock);

	if (index > VDEV_MSIX)
		return -EINVAL;
	if (is_dead(d)) {
		rc = -ENODEV;
	} else if (fd < 0) {
		rc = d->vectors[index] ? dev_vfio_irq_off(&d->d, index) : 0;
		d->vectors[index] = 0;
	} else {
		rc = bind_vector(d, index, vector, fd);
	}
	if (rc == -ENOSPC)
		return kernel_note(d, rc, "the host has no interrupt left for vector %u", vector);
	return rc ? kernel_note(d, rc < 0 ? rc : -EIO, "vector %u cannot be bound: %s", vector,
			 strerror(rc < 0 ? -rc : EIO)) : 0;
}

const struct vdev_ops way_kernel = {
	.name = "vfio-pci",
	.shares_by_fd = false,
	.open = way_open,
	.close = way_close,
	.why = way_why,
	.reset = way_reset,
	.region = kernel_region,
	.read = kernel_read,
	.write = kernel_write,
	.dma_map = way_dma_map,
	.dma_unmap = way_dma_unmap,
	.irq_count = way_irq_count,
	.irq_bind = way_irq_bind,
};
