/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with three devices of vfio-pci, for the seam: sysfs and /dev are a small tree below
 * dev_set_root(), a device is a file, and ioctls are answered here, by the group and, where the kernel is
 * said to have them, by the device's own node and iommufd. Calls fail on demand, by tests/unit/seam.h as
 * well.
 */
#ifndef TESTS_UNIT_FAKE_VFIO_H
#define TESTS_UNIT_FAKE_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_ONE "0000:03:00.0" /* group 7, vfio0 */
#define FAKE_TWIN "0000:03:00.1" /* group 7 as well, vfio1 */
#define FAKE_TWO "0000:04:00.0" /* group 8, which reaches little, vfio2 */
#define FAKE_OFF "0000:05:00.0" /* without a group */
#define FAKE_OTHER "0000:06:00.0" /* with another driver */

/* BAR 0 is whole, BAR 2 has three parts, of BAR 4 nothing can be mapped. */
#define FAKE_BAR0_SIZE 0x10000u
#define FAKE_BAR2_AT 0x100000u
#define FAKE_BAR2_SIZE 0x8000u
#define FAKE_CONFIG_AT 0x200000u
#define FAKE_MSIX 8u
#define FAKE_TOKEN "0123456789abcdef" /* its 16 bytes */
#define FAKE_MOST_DMA 64	      /* mappings in all */

struct fake_vfio {
	unsigned long fail_request; /* this ioctl fails with fail_errno; 0: none */
	int fail_errno;
	int api, type1;	    /* what the container answers */
	bool viable;	    /* what the group answers */
	bool no_group_node; /* opening it fails, with fail_errno */
	bool no_container;
	bool cdev, iommufd; /* the kernel has the devices' own nodes, /dev/iommu */
	int node_errno, iommu_errno; /* opening them fails with that; 0: it does not */
	bool tokens;	    /* binding by the node knows of tokens, and */
	bool wants_token;   /* needs one: FAKE_TOKEN */
	bool foreign;	    /* another process has the group */
	uint32_t ranges;    /* an IOAS has so many of them; 0: as the group */
	bool no_config; /* the configuration space ends before it begins */
	bool huge;	    /* there are huge pages */
	uint32_t vectors;   /* that the host has left */
	unsigned int mapped_dma, mapped; /* mappings of the IOMMU, of the process */
	uint32_t irqs_on[5];		 /* vectors that are on, by index */
	int32_t bound[FAKE_MSIX];	 /* the eventfds of MSI-X */
	char opened[96];		 /* by which name the device was asked for */
};

extern struct fake_vfio fake;

void fake_vfio_up(void);   /* everything is well again */
void fake_vfio_down(void); /* removes the tree */
/* The device that was opened last: its memory, where the program's accesses end. */
void fake_vfio_read(uint64_t at, void *to, size_t len);
void fake_vfio_write(uint64_t at, const void *from, size_t len);

#endif
