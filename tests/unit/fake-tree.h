/* SPDX-License-Identifier: BSD-3-Clause */
/* A tree of files that stands for sysfs and /dev: that of tests/unit/fake-vfio.c's devices, or any other. */
#ifndef TESTS_UNIT_FAKE_TREE_H
#define TESTS_UNIT_FAKE_TREE_H

#include <stddef.h>

#define FAKE_DEVICE_SIZE 0x400000u /* of all regions together */

/* Makes it, and has dev/ look there. */
void fake_tree_make(void);
void fake_tree_remove(void);

/* An empty one, and what is put into it; paths begin with "/", and folders on the way are made. */
void fake_tree_begin(void);
void fake_tree_folder(const char *path);
void fake_tree_file(const char *path, const void *data, size_t len);
void fake_tree_text(const char *path, const char *text);
void fake_tree_link(const char *path, const char *to);
void fake_tree_mode(const char *path, unsigned int mode);
void fake_tree_delete(const char *path);
/* What is in a file, as text. The caller frees. */
char *fake_tree_read(const char *path);

#endif
