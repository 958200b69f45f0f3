/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device made of memory, for tests of the VFIO plugin's parts: it records what it is asked, and
 * fails on request. Stands in for plugin.c as well: what say() was told is in fake_said.
 */
#ifndef TESTS_UNIT_FAKE_DEVICE_H
#define TESTS_UNIT_FAKE_DEVICE_H

#include "plugins/vfio/vfio.h"

struct fake_device {
	struct vdev base;
	struct vdev_region bar0;
	uint8_t regs[64 * 1024];
	unsigned int reads, writes, maps, unmaps, binds;
	uint32_t last_len;
	uint64_t last_offset;
	int fail;		 /* negative errno for the next request, then 0 */
	struct iova_pool addresses;
	uint32_t vectors;
	int bound[8]; /* descriptor of each vector, -1 none */
};

extern char fake_said[512];
extern const struct vdev_ops fake_ops;

void fake_init(struct fake_device *f, uint64_t bar0_size);
void fake_done(struct fake_device *f);

#endif
