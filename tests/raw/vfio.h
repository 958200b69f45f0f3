/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI device through the kernel's VFIO group and type 1 IOMMU, by bare ioctls (linux/vfio.h).
 * Nothing of ours is in it. What fails is said on standard error and ends the program.
 */
#ifndef RAW_VFIO_H
#define RAW_VFIO_H

#include <stddef.h>
#include <stdint.h>

#include "tests/raw/tap.h"

struct raw {
	int container, group, device;
	unsigned char *bar0;
	size_t bar0_size;
	uint64_t config; /* where the configuration space is in the device's file */
};

/* address: 0000:00:03.0. Opens, maps BAR0, lets the device be a bus master. */
void raw_open(struct raw *r, const char *address);
void raw_close(struct raw *r);

/* Both: 0 or negative errno. */
int raw_map(struct raw *r, void *at, uint64_t iova, uint64_t size);
int raw_unmap(struct raw *r, uint64_t iova, uint64_t size);

/* An eventfd that the device's first vector signals; kind: VFIO_PCI_MSI_IRQ_INDEX or ..._MSIX_... */
int raw_interrupt(struct raw *r, uint32_t kind);
int raw_reset(struct raw *r);

static inline uint32_t raw_load32(const struct raw *r, size_t at)
{
	return *(volatile uint32_t *)(void *)(r->bar0 + at);
}

static inline uint64_t raw_load64(const struct raw *r, size_t at)
{
	return *(volatile uint64_t *)(void *)(r->bar0 + at);
}

static inline void raw_store32(struct raw *r, size_t at, uint32_t v)
{
	*(volatile uint32_t *)(void *)(r->bar0 + at) = v;
}

static inline void raw_store64(struct raw *r, size_t at, uint64_t v)
{
	*(volatile uint64_t *)(void *)(r->bar0 + at) = v;
}

#endif
