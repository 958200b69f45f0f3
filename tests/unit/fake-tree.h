/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of tests/unit/fake-vfio.c: what sysfs and /dev show of its devices. */
#ifndef TESTS_UNIT_FAKE_TREE_H
#define TESTS_UNIT_FAKE_TREE_H

#define FAKE_DEVICE_SIZE 0x400000u /* of all regions together */

/* Makes it, and has dev/ look there. */
void fake_tree_make(void);
void fake_tree_remove(void);

#endif
