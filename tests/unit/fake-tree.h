/* SPDX-License-Identifier: BSD-3-Clause */
/* A small sysfs and /dev, and those of the devices of tests/unit/fake-vfio.c. */
#ifndef TESTS_UNIT_FAKE_TREE_H
#define TESTS_UNIT_FAKE_TREE_H

#define FAKE_DEVICE_SIZE 0x400000u /* of all regions together */

/* An empty one, where dev/ looks from now on. */
void fake_tree_begin(void);
const char *fake_tree_root(void);
/* Paths are those without the root: "/sys/class". A folder is made with those above it. */
void fake_tree_folder(const char *path);
void fake_tree_file(const char *folder, const char *name, const char *text);
void fake_tree_link(const char *folder, const char *name, const char *to);
void fake_tree_remove(void);

/* One with the devices. */
void fake_tree_make(void);

#endif
