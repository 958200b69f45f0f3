/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of vfio-pci's devices share: a fake kernel with both ways, and what is open to compare. */
#ifndef TESTS_UNIT_KERNEL_RIG_H
#define TESTS_UNIT_KERNEL_RIG_H

#include "dev/vfio.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define up rig_up
#define down rig_down

extern const enum vfio_way rig_ways[2];
extern struct vfio_spaces rig_spaces;

/* All that a test may have broken is well again. */
void rig_well(void);
int rig_up(void **state);
int rig_down(void **state);
int rig_end(void **state);
/* As before the test: descriptors, mappings, interrupts. */
void rig_nothing_stays(void);

#endif
