/* SPDX-License-Identifier: BSD-3-Clause */
/* A device behind the kernel's vfio-pci, for way-kernel.c and kernel-regions.c alone. */
#ifndef PLUGINS_VFIO_KERNEL_DEVICE_H
#define PLUGINS_VFIO_KERNEL_DEVICE_H

#include <pthread.h>
#include <sys/types.h>

#include "dev/forks.h"
#include "plugins/vfio/vfio.h"

#define REGIONS 9u

/* WAKE_DEAD: an access to a register was a SIGBUS. */
enum { WAKE_STOP, WAKE_DEAD, WAKE_REQUEST, WAKE_ERROR, WAKES };

struct region {
	bool known;
	struct vfio_region r;
	void *maps[VFIO_MAX_AREAS];
};

struct device {
	struct vdev base;
	struct vfio_device d;

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

static inline struct device *of(struct vdev *d)
{
	return (struct device *)d;
}

static inline bool is_dead(const struct device *d)
{
	return atomic_load(&d->base.dead);
}

/* Lock held. Notes the reason and returns rc, as seen from the program; -ENODEV of a dead device. */
int kernel_note(struct device *d, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* kernel-regions.c: members of vdev_ops */
int kernel_region(struct vdev *v, uint32_t index, struct vdev_region *out);
int kernel_read(struct vdev *v, uint32_t index, uint64_t offset, void *buf, uint32_t len);
int kernel_write(struct vdev *v, uint32_t index, uint64_t offset, const void *buf, uint32_t len);
/* What is mapped reads as all-ones from now on. */
void kernel_cover(struct device *d);
void kernel_unmap_all(struct device *d);

#endif
