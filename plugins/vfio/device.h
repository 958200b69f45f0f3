/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plugin's private device interface: a PCI device whose regions, DMA and interrupts are reached
 * the VFIO way. Who implements it is a "way": a vfio-user socket (way-vfio-user.c), or the kernel's
 * vfio-pci, by type1 containers or iommufd (way-kernel.c).
 *
 * Functions return 0 or a negative errno. All may be called from any thread.
 */
#ifndef PLUGINS_VFIO_DEVICE_H
#define PLUGINS_VFIO_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/iova.h"
#include "dev/vfio.h"

#define VDEV_MAX_AREAS 32
#define VDEV_PATH_MAX 108
#define VDEV_WHY_MAX 400 /* a reason in words */

enum vdev_region_index { VDEV_BAR0 = 0, VDEV_CONFIG = 7 };
enum vdev_irq_index { VDEV_MSI = 1, VDEV_MSIX = 2 };

struct vdev_area {
	uint64_t offset, size;
	uint8_t *at;
};

struct vdev_region {
	uint64_t size; /* 0: there is none */
	bool read, write;
	uint32_t num_areas; /* mapped parts, sorted */
	struct vdev_area areas[VDEV_MAX_AREAS];
};

struct vdev_options {
	int64_t connect_ns, call_ns, spin_ns;
	bool to_use; /* to be driven, not only looked at */
	/* The device reads or writes memory that was mapped without a descriptor. */
	int (*dma_access)(void *ctx, uint64_t iova, void *data, size_t len, bool write);
	void *ctx;
	/* The kernel's ways. */
	enum vfio_way kernel_way;
	struct vfio_spaces *spaces;
	const uint8_t *vf_token; /* 16 bytes; NULL: none */
};

struct vdev;

struct vdev_ops {
	const char *name;
	/* Memory for DMA must come with a descriptor, or is served by dma_access. The kernel pins any
	 * memory, also that of a device which is gone: it is to be unmapped all the same. */
	bool shares_by_fd;
	int (*open)(const char *path, const struct vdev_options *opt, char *why, size_t why_len,
		    struct vdev **ret);
	void (*close)(struct vdev *d);
	/* Copies the last failure in words. */
	void (*why)(struct vdev *d, char *out, size_t len);
	int (*reset)(struct vdev *d);
	int (*region)(struct vdev *d, uint32_t index, struct vdev_region *out);
	int (*read)(struct vdev *d, uint32_t region, uint64_t offset, void *buf, uint32_t len);
	int (*write)(struct vdev *d, uint32_t region, uint64_t offset, const void *buf,
		     uint32_t len);
	/* fd < 0: by dma_access, or (shares_by_fd false) the memory at `at` itself. */
	int (*dma_map)(struct vdev *d, uint64_t iova, void *at, uint64_t size, int fd,
		       bool device_writes);
	int (*dma_unmap)(struct vdev *d, uint64_t iova, uint64_t size, bool had_fd);
	int (*irq_count)(struct vdev *d, uint32_t index, uint32_t *count);
	int (*irq_bind)(struct vdev *d, uint32_t index, uint32_t vector, int fd);
};

/* A way embeds this first. */
struct vdev {
	const struct vdev_ops *ops;
	/* What the device can reach and nothing is mapped at; of several devices when they share it. */
	struct iova_pool *addresses;
	/* The device is gone for good. Mapped areas read as all-ones from then on. */
	atomic_bool dead;
	bool forked; /* it is dead here because it is the device of the process that this one is a child of */
	void *keeper; /* of who opened it and put operations of his own in front of the way's */
};

extern const struct vdev_ops way_vfio_user, way_kernel;

/* As way_vfio_user's open, of a device that a socket leads to already; it is taken over in any case. */
int way_vfio_user_adopt(int fd, const struct vdev_options *opt, char *why, size_t why_len, struct vdev **ret);

#endif
