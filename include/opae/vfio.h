/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_VFIO_H
#define OPAE_VFIO_H

/**
 * @file vfio.h
 * @brief A PCI device that is with the driver vfio-pci: registers, buffers, interrupts (libopaevfio).
 *
 * For programs that drive such a device themselves; <opae/fpga.h> is what finds accelerators on it.
 * Numbers that are returned tell what failed; a negative one is an errno of the kernel. Nothing is printed.
 *
 * The functions for an open device may be called from several threads; opening and closing are for one.
 * While a program holds `lock` itself, its other threads wait; the lock is recursive.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include <opae/hash_map.h>
#include <opae/mem_alloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Addresses by which the device can reach memory, if something is mapped there. */
struct opae_vfio_iova_range {
	uint64_t start; /**< the first */
	uint64_t end;   /**< the last */
	struct opae_vfio_iova_range *next;
};

/** The IOMMU group that the device is in. */
struct opae_vfio_group {
	char *group_device; /**< "/dev/vfio/7" */
	int group_fd;
};

/** A part of a region that is mapped registers. */
struct opae_vfio_sparse_info {
	uint32_t index;  /**< of the part, from 0 */
	uint32_t offset; /**< bytes from the beginning of the region */
	uint32_t size;   /**< bytes */
	uint8_t *ptr;    /**< where it is mapped: region_ptr + offset */
	struct opae_vfio_sparse_info *next;
};

/** A region of registers that is mapped. */
struct opae_vfio_device_region {
	uint32_t region_index; /**< VFIO_PCI_BAR0_REGION_INDEX, ... */
	uint8_t *region_ptr;
	size_t region_size; /**< bytes */
	/**
	 * NULL: all of it is registers. Else only these parts are; what lies between them is memory of the
	 * process, filled with 0, which the device does not see. A part that lies beyond 4 GiB is mapped as
	 * well, but not in this list.
	 */
	struct opae_vfio_sparse_info *region_sparse;
	struct opae_vfio_device_region *next; /**< with a higher index */
};

/** The interrupts of one kind. */
struct opae_vfio_device_irq {
	uint32_t flags;     /**< VFIO_IRQ_INFO_* */
	uint32_t index;     /**< VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, ... */
	uint32_t count;     /**< how many, not 0 */
	int32_t *event_fds; /**< of each the eventfd that it is bound to, or -1 */
	int32_t *masks;     /**< of each 1 if it is masked, or 0 */
	struct opae_vfio_device_irq *next; /**< with a higher index */
};

/** The device. */
struct opae_vfio_device {
	int device_fd;
	uint64_t device_config_offset; /**< where device_fd has the configuration space */
	uint32_t device_num_regions;   /**< also of those that are not mapped */
	struct opae_vfio_device_region *regions; /**< those that are mapped */
	uint32_t device_num_irqs;                /**< kinds of interrupts, also those that it has none of */
	struct opae_vfio_device_irq *irqs;       /**< those that it has, if an eventfd can tell them */
};

/** Memory that the device reaches. */
struct opae_vfio_buffer {
	uint8_t *buffer_ptr;
	size_t buffer_size;   /**< bytes */
	uint64_t buffer_iova; /**< by which the device reaches it */
	int flags;            /**< of opae_vfio_buffer_flags */
};

/** An open device. To be read, but for the lock; must not be copied or moved. */
struct opae_vfio {
	pthread_mutex_t lock;
	char *cont_device;  /**< "/dev/vfio/vfio" */
	char *cont_pciaddr; /**< "0000:b1:00.0" */
	int cont_fd;
	struct opae_vfio_iova_range *cont_ranges;
	struct mem_alloc iova_alloc; /**< of the ranges what can be had for buffers */
	struct opae_vfio_group group;
	struct opae_vfio_device device;
	opae_hash_map cont_buffers; /**< from buffer_ptr to struct opae_vfio_buffer */
};

/**
 * Can the device's IOMMU group be opened? It is, for a moment, in which others find it busy.
 * @param pciaddr "0000:b1:00.0" or "b1:00.0"
 * @return 0; 1: NULL, no such device, or it is in no group; 2: somebody has the group, there is no VFIO
 *         driver for it, or permission is missing
 */
int opae_vfio_dev_busy(const char *pciaddr);

/**
 * Opens a device by its IOMMU group, maps its registers, and lets it use DMA. The group is the program's
 * then: a second device of it, and the same one again, is busy until this one is closed.
 *
 * Nothing watches the device: when it is removed the kernel waits until the program closes it, and an access
 * to registers that have gone is a SIGBUS of the program's. libopae-c's plugin for these devices does both.
 * @param v       filled in; after a failure opae_vfio_close() is not needed, and does nothing
 * @param pciaddr as for opae_vfio_dev_busy()
 * @return 0; 1: NULL, no such device, one that is not with vfio-pci, or in no group;
 *         2: the group cannot be opened because somebody has it or permission is missing, or the device
 *         cannot, as a virtual function with another token; 3: the group does not tell its status, or a
 *         region cannot be mapped; 4: /dev/vfio/vfio cannot be opened, another device of the group is with
 *         a driver of the host, or the device's command register cannot be written; 5: the kernel has
 *         another version of VFIO, or the device does not tell what it has; 6: the kernel has no type 1
 *         IOMMU; 7, 8: group, container and IOMMU do not come together; 9: the lock; 11: no memory
 */
int opae_vfio_open(struct opae_vfio *v, const char *pciaddr);

/**
 * Opens a virtual function whose physical function is with vfio-pci too, and has that token.
 * @param v       as for opae_vfio_open()
 * @param pciaddr as for opae_vfio_dev_busy()
 * @param token   a GUID as text
 * @return as opae_vfio_open(); 2: also token NULL; 3: also a text that is no GUID
 */
int opae_vfio_secure_open(struct opae_vfio *v, const char *pciaddr, const char *token);

/**
 * Takes those addresses out of v's free ones that new_v has not free: buffers of v that are allocated from
 * now on can be mapped there too, at the same addresses.
 * @return 0; 1: NULL, or no memory; 2: a lock
 */
int opae_vfio_apply_group_constraint(struct opae_vfio *new_v, struct opae_vfio *v);

/**
 * Where a region is mapped.
 * @param index     VFIO_PCI_BAR0_REGION_INDEX, ...
 * @param ptr,size  receive address and bytes; NULL: not wanted. They are valid until opae_vfio_close().
 * @return 0; 1: v is NULL; 2: no region of that index is mapped
 */
int opae_vfio_region_get(struct opae_vfio *v, uint32_t index, uint8_t **ptr, size_t *size);

/** What opae_vfio_buffer_allocate_ex() does. */
enum opae_vfio_buffer_flags {
	OPAE_VFIO_BUF_PREALLOCATED = 1, /**< the memory is the caller's */
};

/**
 * opae_vfio_buffer_allocate_ex() without flags.
 */
int opae_vfio_buffer_allocate(struct opae_vfio *v, size_t *size, uint8_t **buf, uint64_t *iova);

/**
 * Makes memory that program and device share, filled with 0. It is in pages of 1 GiB if it is larger than
 * 2 MiB, of 2 MiB if it is larger than 4096 bytes; where the machine has none of these to spare, in the next
 * smaller ones, and with that of another size.
 *
 * @param size  bytes, not 0; receives the size in whole pages
 * @param buf   receives the address; NULL: not wanted. With OPAE_VFIO_BUF_PREALLOCATED it holds the address
 *              of the caller's memory, a multiple of 4096; its last page is shared as a whole. That memory
 *              has to stay until the buffer is freed.
 * @param iova  receives the address by which the device reaches it; NULL: not wanted
 * @param flags of opae_vfio_buffer_flags
 * @return 0; 1: NULL, or a flag that there is not; 2: size is 0; 3: the lock; 4: no memory, no addresses, or
 *         the kernel does not map it, as when the limit on locked memory is reached; 5: no memory to keep it
 *         in mind, or the caller's memory is a buffer already. On failure nothing is changed.
 */
int opae_vfio_buffer_allocate_ex(struct opae_vfio *v, size_t *size, uint8_t **buf, uint64_t *iova,
				 int flags);

/**
 * What is known of a buffer.
 * @param vaddr its beginning
 * @return valid until it is freed; NULL: no such buffer, or a NULL
 */
struct opae_vfio_buffer *opae_vfio_buffer_info(struct opae_vfio *v, uint8_t *vaddr);

/**
 * Takes a buffer from the device and frees it. Preallocated memory stays.
 * @return 0; 1: v is NULL; 2: the lock; 3: no buffer begins there (any more)
 */
int opae_vfio_buffer_free(struct opae_vfio *v, uint8_t *buf);

/**
 * Maps memory of the caller's for the device at an address of the caller's choice. Nobody keeps it in mind:
 * opae_vfio_buffer_unmap() is to take it back, or opae_vfio_close().
 * @param size,buf,iova multiples of 4096
 * @return 0; 1: NULL; else a negative errno
 */
int opae_vfio_buffer_map(struct opae_vfio *v, size_t size, uint8_t *buf, uint64_t iova);

/**
 * Takes back what opae_vfio_buffer_map() has mapped, exactly.
 * @return 0; 1: v is NULL; else a negative errno, -ENOENT: it is not mapped
 */
int opae_vfio_buffer_unmap(struct opae_vfio *v, size_t size, uint64_t iova);

/**
 * Binds an interrupt to an eventfd, in place of the one that it was bound to. The first one of a kind turns
 * all of that kind on; only one kind can be on at a time.
 * @param index    VFIO_PCI_MSIX_IRQ_INDEX, ...
 * @param subindex which of them, from 0
 * @param event_fd stays the caller's, and open until the interrupt is disabled
 * @return 0; 1: v is NULL; 2: the lock; 3: there is no such subindex; 4: nor such an index; else a negative
 *         errno, -ENOSPC: the host has not so many interrupts left
 */
int opae_vfio_irq_enable(struct opae_vfio *v, uint32_t index, uint32_t subindex, int event_fd);

/**
 * Takes the binding back; the last one of a kind turns it off.
 * @return as opae_vfio_irq_enable(); one that is not bound is 0
 */
int opae_vfio_irq_disable(struct opae_vfio *v, uint32_t index, uint32_t subindex);

/**
 * Holds an interrupt back. vfio-pci can do that with VFIO_PCI_INTX_IRQ_INDEX alone, and masks that one by
 * itself each time that it came.
 * @return as opae_vfio_irq_enable()
 */
int opae_vfio_irq_mask(struct opae_vfio *v, uint32_t index, uint32_t subindex);

/**
 * Lets it come again.
 * @return as opae_vfio_irq_enable()
 */
int opae_vfio_irq_unmask(struct opae_vfio *v, uint32_t index, uint32_t subindex);

/** Takes everything back and closes the device. NULL, and one that is closed already, is fine. */
void opae_vfio_close(struct opae_vfio *v);

#ifdef __cplusplus
}
#endif

#endif
