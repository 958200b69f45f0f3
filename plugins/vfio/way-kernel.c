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
#include "plugins/vfio/forks.h"
#include "plugins/vfio/ones.h"
#include "plugins/vfio/vfio.h"

#define REGIONS 9u

/* WAKE_DEAD: an access to a register was a SIGBUS. */
enum { WAKE_STOP, WAKE_DEAD, WAKE_REQUEST, WAKE_ERROR, WAKES };

#define NO_MEMORY                                                                                  \
	"an access to a register found none: the device was removed, or its memory is switched off"

struct region {
	bool known;
	struct vfio_region r;
	void *maps[VFIO_MAX_AREAS];
};

struct device {
	struct vdev base;
	struct vfio_device d;
	bool to_use;

	pthread_mutex_t lock; /* guards the rest, but for what is said otherwise */
	struct region regions[REGIONS];
	char why[256];
	const char *died_of; /* NULL: the accesses found out, or it lives */
	uint32_t vectors[VDEV_MSIX + 1]; /* enabled now, by index; 0: it is off */

	int wakes[WAKES]; /* eventfds, -1: none; constant while the watcher lives */
	pthread_t watcher;
	bool watched;

	struct fork_watch forks;
	pid_t pid; /* that opened it */
};

static struct device *of(struct vdev *d)
{
	return (struct device *)d;
}

static bool is_dead(const struct device *d)
{
	return atomic_load(&d->base.dead);
}

/* What the kernel refuses as malformed is no fault of the program's arguments, which were checked. */
static int as_seen(int rc)
{
	return rc == -EINVAL || rc == -ENAMETOOLONG ? -EIO : rc;
}

/* Lock held. Returns rc, as seen from the program. */
static int note(struct device *d, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int note(struct device *d, int rc, const char *fmt, ...)
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

static void cover(struct device *d)
{
	/* To the end of the array: bounded by num_areas, gcc 12.2 takes this function for one without effects
	 * and drops the calls of it. */
	for (uint32_t i = 0; i < REGIONS; i++)
		for (uint32_t a = 0; a < VFIO_MAX_AREAS; a++)
			if (d->regions[i].maps[a])
				ones_cover(d->regions[i].maps[a],
					   dev_vfio_area_length(d->regions[i].r.areas[a].size));
}

/* Also closes: calls under way end with the old descriptor, later ones meet an eventfd and fail. */
static void give_up(struct device *d, const char *why)
{
	SCOPED_LOCK(&d->lock);

	d->died_of = why;
	atomic_store(&d->base.dead, true);
	cover(d);
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
	cover(d);
	dev_vfio_forked(&d->d);
	d->watched = false; /* the thread is the parent's */
}

/* ---- life ---- */

static void unmap_all(struct device *d)
{
	for (uint32_t i = 0; i < REGIONS; i++)
		for (uint32_t a = 0; a < d->regions[i].r.num_areas; a++) {
			void *at = d->regions[i].maps[a];

			if (!at)
				continue;
			ones_unwatch(at);
			sys_munmap(at, dev_vfio_area_length(d->regions[i].r.areas[a].size));
		}
}

static void way_close(struct vdev *v)
{
	struct device *d = of(v);

	forks_unwatch(&d->forks);
	stop_watching(d);
	unmap_all(d);
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
	d->to_use = opt->to_use;
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
		return note(d, rc, "the kernel has no way to reset this device alone");
	return rc ? note(d, rc, "the device cannot be reset: %s", strerror(-rc)) : 0;
}

/* ---- regions ---- */

static int map_areas(struct device *d, struct region *r)
{
	for (uint32_t a = 0; a < r->r.num_areas; a++) {
		size_t len = dev_vfio_area_length(r->r.areas[a].size);
		void *at;
		int rc = dev_vfio_region_map(&d->d, &r->r, a, &at);

		if (!rc) {
			rc = ones_watch(at, len, &d->base.dead, d->wakes[WAKE_DEAD]);
			if (rc)
				sys_munmap(at, len);
		}
		if (rc)
			return rc;
		r->maps[a] = at;
	}
	return 0;
}

static void forget_areas(struct region *r)
{
	for (uint32_t a = 0; a < r->r.num_areas && r->maps[a]; a++) {
		ones_unwatch(r->maps[a]);
		sys_munmap(r->maps[a], dev_vfio_area_length(r->r.areas[a].size));
		r->maps[a] = NULL;
	}
}

/* What is not mapped is reached by calls; so is a BAR of which not all could be mapped. Lock held. */
static int learn(struct device *d, uint32_t index, struct region **ret)
{
	struct region *r = &d->regions[index];
	int rc;

	if (!r->known) {
		rc = dev_vfio_region(&d->d, index, &r->r);
		if (!rc && r->r.read && r->r.write && map_areas(d, r)) {
			forget_areas(r);
			r->r.num_areas = 0;
		}
		if (rc)
			return note(d, rc, "region %u cannot be learned of: %s", index, strerror(-rc));
		if (!r->maps[0])
			r->r.num_areas = 0;
		r->known = true;
	}
	*ret = r;
	return 0;
}

static int way_region(struct vdev *v, uint32_t index, struct vdev_region *out)
{
	struct device *d = of(v);
	struct region *r;
	int rc;
	SCOPED_LOCK(&d->lock);

	if (index >= REGIONS)
		return -EINVAL;
	rc = learn(d, index, &r);
	if (rc)
		return rc;
	*out = (struct vdev_region){ .size = r->r.size, .read = r->r.read, .write = r->r.write };
	for (uint32_t a = 0; a < r->r.num_areas && a < VDEV_MAX_AREAS; a++)
		out->areas[out->num_areas++] = (struct vdev_area){ r->r.areas[a].offset,
								   r->r.areas[a].size, r->maps[a] };
	return 0;
}

/* Where a register is mapped; NULL: it is not. */
static void *mapped(const struct region *r, uint64_t offset, uint32_t len)
{
	for (uint32_t a = 0; a < r->r.num_areas; a++) {
		uint64_t in = offset - r->r.areas[a].offset;

		if (offset >= r->r.areas[a].offset && in < r->r.areas[a].size &&
		    len <= r->r.areas[a].size - in)
			return (char *)r->maps[a] + in;
	}
	return NULL;
}

static bool is_register(uint64_t offset, uint32_t len)
{
	return (len == 4 || len == 8) && !(offset % len);
}

/* The region, checked; a copy, so that the access is made without the lock. */
static int find_region(struct device *d, uint32_t index, uint64_t offset, uint32_t len,
		       struct region *ret)
{
	struct region *r;
	int rc;
	SCOPED_LOCK(&d->lock);

	if (index >= REGIONS)
		return -EINVAL;
	rc = learn(d, index, &r);
	if (!rc && (offset > r->r.size || len > r->r.size - offset))
		rc = note(d, -EINVAL, "%u bytes at 0x%llx are not in region %u, which has 0x%llx", len,
			  (unsigned long long)offset, index, (unsigned long long)r->r.size);
	if (!rc)
		*ret = *r;
	return rc;
}

static int failed_io(struct device *d, ssize_t n, uint32_t index, uint64_t offset, const char *what)
{
	SCOPED_LOCK(&d->lock);

	return note(d, n < 0 ? (int)n : -EIO, "%s at 0x%llx of region %u: %s", what,
		    (unsigned long long)offset, index, strerror(n < 0 ? (int)-n : EIO));
}

__attribute__((no_sanitize_thread)) static int way_read(struct vdev *v, uint32_t index,
							 uint64_t offset, void *buf, uint32_t len)
{
	struct device *d = of(v);
	struct region r;
	const void *at;
	ssize_t n;
	int rc = find_region(d, index, offset, len, &r);

	if (rc)
		return rc;
	at = is_register(offset, len) ? mapped(&r, offset, len) : NULL;
	if (at && len == 8)
		*(uint64_t *)buf = *(const volatile uint64_t *)at;
	else if (at)
		*(uint32_t *)buf = *(const volatile uint32_t *)at;
	if (at)
		return is_dead(d) ? -ENODEV : 0;
	n = sys_pread(d->d.fd, buf, len, (off_t)(r.r.offset + offset));
	return n == (ssize_t)len ? 0 : failed_io(d, n, index, offset, "a read");
}

__attribute__((no_sanitize_thread)) static int way_write(struct vdev *v, uint32_t index,
							  uint64_t offset, const void *buf,
							  uint32_t len)
{
	struct device *d = of(v);
	struct region r;
	void *at;
	ssize_t n;
	int rc = find_region(d, index, offset, len, &r);

	if (rc)
		return rc;
	at = is_register(offset, len) ? mapped(&r, offset, len) : NULL;
	if (at && len == 8)
		*(volatile uint64_t *)at = *(const uint64_t *)buf;
	else if (at)
		*(volatile uint32_t *)at = *(const uint32_t *)buf;
	if (at)
		return is_dead(d) ? -ENODEV : 0;
	n = sys_pwrite(d->d.fd, buf, len, (off_t)(r.r.offset + offset));
	return n == (ssize_t)len ? 0 : failed_io(d, n, index, offset, "a write");
}

/* ---- DMA ---- */

static int no_memory(struct device *d, uint64_t size)
{
	struct rlimit limit;

	if (!geteuid()) /* who has the right to lock (CAP_IPC_LOCK) is under no limit */
		return note(d, -ENOMEM, "there is no memory to lock %llu KiB for the device",
			    (unsigned long long)size >> 10);
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		return note(d, -ENOMEM,
			    "%llu KiB more cannot be locked in memory for the device: the limit is "
			    "%llu KiB in all (RLIMIT_MEMLOCK); `sudo prlimit --pid %d "
			    "--memlock=unlimited` lifts it, memlock in /etc/security/limits.conf for good",
			    (unsigned long long)size >> 10, (unsigned long long)limit.rlim_cur >> 10,
			    getpid());
	return note(d, -ENOMEM, "there is no memory to lock %llu KiB for the device",
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
		return note(d, -ENOMEM, "the IOMMU takes no more mappings");
	return rc ? note(d, rc, "0x%llx bytes cannot be mapped for the device at 0x%llx: %s",
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
	return rc ? note(d, rc, "0x%llx bytes at 0x%llx cannot be unmapped: %s",
			 (unsigned long long)size, (unsigned long long)iova, strerror(-rc)) : 0;
}

/* ---- interrupts ---- */

static int way_irq_count(struct vdev *v, uint32_t index, uint32_t *count)
{
	struct device *d = of(v);
	int rc = dev_vfio_irq_count(&d->d, index, count);
	SCOPED_LOCK(&d->lock);

	return rc ? note(d, rc, "its interrupts cannot be learned of: %s", strerror(-rc)) : 0;
}

/*
 * The first vector that is wanted turns all on, for not every kernel adds some later. Where the host has
 * not so many left, as many as it has. Lock held.
 */
static int turn_on(struct device *d, uint32_t index, uint32_t vector)
{
	int32_t fds[MAX_VECTORS];
	uint32_t n;
	int rc = dev_vfio_irq_count(&d->d, index, &n);

	memset(fds, 0xff, sizeof(fds));
	if (!rc && n > MAX_VECTORS)
		n = MAX_VECTORS;
	while (!rc && vector < n) {
		rc = dev_vfio_irq_set(&d->d, index, 0, n, fds);
		if (!rc) {
			d->vectors[index] = n;
			return 0;
		}
		if (rc < 0 || (uint32_t)rc >= n)
			break;
		n = (uint32_t)rc;
		rc = 0;
	}
	return rc < 0 ? rc : -ENOSPC;
}

static int bind_vector(struct device *d, uint32_t index, uint32_t vector, int fd)
{
	int32_t value = fd;
	int rc = d->vectors[index] ? 0 : turn_on(d, index, vector);

	if (!rc && vector >= d->vectors[index])
		rc = -ENOSPC;
	return rc ? rc : dev_vfio_irq_set(&d->d, index, vector, 1, &value);
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
		return note(d, rc, "the host has no interrupt left for vector %u", vector);
	return rc ? note(d, rc < 0 ? rc : -EIO, "vector %u cannot be bound: %s", vector,
			 strerror(rc < 0 ? -rc : EIO)) : 0;
}

const struct vdev_ops way_kernel = {
	.name = "vfio-pci",
	.shares_by_fd = false,
	.open = way_open,
	.close = way_close,
	.why = way_why,
	.reset = way_reset,
	.region = way_region,
	.read = way_read,
	.write = way_write,
	.dma_map = way_dma_map,
	.dma_unmap = way_dma_unmap,
	.irq_count = way_irq_count,
	.irq_bind = way_irq_bind,
};
