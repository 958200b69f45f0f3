/* SPDX-License-Identifier: BSD-3-Clause */
/* Attributes and links in sysfs, and the nodes in /dev. Functions return 0 or a negative errno. */
#ifndef DEV_SYSFS_H
#define DEV_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEV_PATH_MAX 512

/*
 * Stands before /sys and /dev in every path of this folder: for a tool that is to look at a tree
 * somewhere else. The text must stay; NULL or "": none. To be set before anything else is called.
 */
void dev_set_root(const char *root);
bool dev_has_root(void);

#define DEV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The root, then what fmt makes. -ENAMETOOLONG. */
int dev_path(char out[DEV_PATH_MAX], const char *fmt, ...) DEV_PRINTF(2, 3);
/* An attribute's text without the newline at its end. -ENAMETOOLONG when there is more of it. */
int sysfs_text(char *out, size_t len, const char *fmt, ...) DEV_PRINTF(3, 4);
/* An attribute that is a number, as C writes them. -EINVAL: it is none. */
int sysfs_number(uint64_t *ret, const char *fmt, ...) DEV_PRINTF(2, 3);
/* The last part of what a link points to. */
int sysfs_link(char *out, size_t len, const char *fmt, ...) DEV_PRINTF(3, 4);
/* Writes a text to an attribute in one piece, as the kernel wants it. */
int sysfs_write(const char *text, const char *fmt, ...) DEV_PRINTF(2, 3);
int sysfs_write_bytes(const void *data, size_t len, const char *fmt, ...) DEV_PRINTF(3, 4);
/* All that is in a file, and a zero behind it that is not counted; the caller frees. -EFBIG: more than
 * max. */
int sysfs_bytes(uint8_t **ret, size_t *len, size_t max, const char *fmt, ...) DEV_PRINTF(4, 5);
/* What a path itself is: of a symbolic link that it is one. */
int sysfs_mode(mode_t *ret, const char *fmt, ...) DEV_PRINTF(2, 3);
/* The names in a directory, as sys_list(); the caller frees. */
int sysfs_list(char **ret, const char *fmt, ...) DEV_PRINTF(2, 3);

/* Names, by strcmp(): the order in which a directory tells them is the kernel's, and changes. */
struct sysfs_names {
	const char **name;
	size_t num;
	char *text; /* where they stand */
};

int sysfs_names(struct sysfs_names *ret, const char *fmt, ...) DEV_PRINTF(2, 3);
void sysfs_names_done(struct sysfs_names *n);

#endif
