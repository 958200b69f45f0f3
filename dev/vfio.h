/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI device behind the kernel's vfio-pci: by its IOMMU group and a type1 container, or by its own node
 * and an iommufd. Which it is shows at opening alone. Every node is opened through the seam, so a
 * process that may open none can be given the descriptors by one that may.
 *
 * Functions return 0 or a negative errno. A device's functions may be called from several threads, but
 * for opening and closing. Kernel: include/uapi/linux/vfio.h, Documentation/driver-api/vfio.rst.
 */
#ifndef DEV_VFIO_H
#define DEV_VFIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dev/iommu.h"
#include "dev/pci.h"

enum vfio_way {
	VFIO_WAY_ANY,   /* the device's node where it is there and may be opened, else the group */
	VFIO_WAY_GROUP, /* /dev/vfio/N, /dev/vfio/vfio */
	VFIO_WAY_CDEV,  /* /dev/vfio/devices/vfioN, /dev/iommu */
};

/* Where opening ended. */
enum vfio_step {
	VFIO_STEP_NONE,
	VFIO_STEP_DEVICE,	  /* there is no such PCI device */
	VFIO_STEP_DRIVER,	  /* no driver of VFIO's is bound to it */
	VFIO_STEP_IOMMU_OFF,	  /* it is in no IOMMU group */
	VFIO_STEP_CONTAINER,	  /* /dev/vfio/vfio or /dev/iommu cannot be opened */
	VFIO_STEP_API,		  /* it has another version, */
	VFIO_STEP_TYPE1,	  /* or no type1 */
	VFIO_STEP_NODE,		  /* the group's or the device's node cannot be opened */
	VFIO_STEP_STATUS,	  /* the group does not say what it is */
	VFIO_STEP_VIABLE,	  /* another device of the group is with a driver of the host */
	VFIO_STEP_SET_CONTAINER,  /* the group or device, and the address space, do not come together */
	VFIO_STEP_SET_IOMMU,
	VFIO_STEP_GET_DEVICE,
	VFIO_STEP_TOKEN,	  /* -EKEYREJECTED: a virtual function wants its physical one's token */
	VFIO_STEP_INFO,		  /* what it is made of cannot be learned */
};

struct vfio_failure {
	enum vfio_step step;
	char text[256]; /* for people: what is wrong, and what mends it */
};

/* The address space that devices of one IOMMU group share, because the hardware makes them. */
struct vfio_space {
	struct vfio_space *next;
	uint32_t group;
	enum vfio_way way;
	pid_t pid;	   /* a child of fork has none of its parent's */
	/* Under the list's lock. */
	unsigned int refs;
	bool gone; /* the kernel has made its group anew: it serves those who have it, and nobody else */

	pthread_mutex_t lock; /* held while it is opened or closed */
	bool open;
	int group_fd; /* -1 unless VFIO_WAY_GROUP */
	struct iommu iommu;
	bool has_addresses;
	struct iova_pool addresses; /* those that nothing is mapped at */
};

/* The spaces of a process, or of a part of it that needs no other's devices. */
struct vfio_spaces {
	pthread_mutex_t lock; /* guards the list and its references */
	struct vfio_space *first; /* also those that are not open any more */
};

void dev_vfio_spaces_init(struct vfio_spaces *s);
void dev_vfio_spaces_done(struct vfio_spaces *s); /* every device of it is closed */

struct vfio_request {
	const char *address; /* "0000:b1:00.0" */
	enum vfio_way way;
	const uint8_t *vf_token;    /* 16 bytes; NULL: none */
	struct vfio_spaces *spaces; /* where the device's address space is, or will be */
};

struct vfio_device {
	int fd; /* -1: not open */
	char address[PCI_ADDRESS_LEN];
	struct vfio_space *space;
	struct vfio_spaces *spaces; /* the space's */
	uint32_t flags; /* VFIO_DEVICE_FLAGS_* */
	uint32_t num_regions, num_irqs;
};

/* May this user open the device, as far as its nodes tell? Opens nothing. */
bool dev_vfio_permitted(const char *address);
/* On failure *why tells; *ret is closed then. */
int dev_vfio_open(const struct vfio_request *rq, struct vfio_failure *why, struct vfio_device *ret);
void dev_vfio_close(struct vfio_device *d); /* one that is not open is fine */
/* In a child of fork, as long as it has no other thread: closes what it has inherited of the device and of
 * its space, so that they are the parent's alone. dev_vfio_close() is called all the same. */
void dev_vfio_forked(struct vfio_device *d);

/* vfio-device.c */
#define VFIO_MAX_AREAS 32u

struct vfio_region {
	bool read, write;
	uint64_t size;	 /* bytes; 0: there is none */
	uint64_t offset; /* of the region in the device's descriptor, for sys_pread() and sys_pwrite() */
	uint32_t num_areas; /* parts that can be mapped, sorted, inside the region */
	struct {
		uint64_t offset, size; /* in the region; whole pages but at its end */
	} areas[VFIO_MAX_AREAS];
};

int dev_vfio_region(const struct vfio_device *d, uint32_t index, struct vfio_region *ret);
/* Maps an area; sys_munmap() of area_length() bytes gives it back. */
int dev_vfio_region_map(const struct vfio_device *d, const struct vfio_region *r, uint32_t area, void **ret);
size_t dev_vfio_area_length(uint64_t size); /* whole pages */

/* Vectors of an interrupt index; 0: there are none. *flags: VFIO_IRQ_INFO_*. */
int dev_vfio_irq_info(const struct vfio_device *d, uint32_t index, uint32_t *count, uint32_t *flags);
int dev_vfio_irq_count(const struct vfio_device *d, uint32_t index, uint32_t *count);
/* Binds vectors [first, first + n) to eventfds, -1 to none. Positive: only so many can be had. */
int dev_vfio_irq_set(const struct vfio_device *d, uint32_t index, uint32_t first, uint32_t n,
		 const int32_t *fds);
/*
 * Turns all vectors of an index on, for not every kernel adds some later; where the host has not so many
 * left, as many as it has. `vector` gets the eventfd (-1: none), the others none. *n: in, how many there are;
 * out, how many are on. -ENOSPC: the host has none for that one.
 */
int dev_vfio_irq_on(const struct vfio_device *d, uint32_t index, uint32_t vector, int32_t fd, uint32_t *n);
int dev_vfio_irq_off(const struct vfio_device *d, uint32_t index);
/* Masks or unmasks a vector. */
int dev_vfio_irq_mask(const struct vfio_device *d, uint32_t index, uint32_t vector, bool mask);
/* -ENOTTY: the kernel has no way to reset it alone. */
int dev_vfio_reset(const struct vfio_device *d);

#endif
