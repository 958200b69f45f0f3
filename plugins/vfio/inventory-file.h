/* SPDX-License-Identifier: BSD-3-Clause */
/* The inventory's directory and its file, for inventory.c alone. */
#ifndef PLUGINS_VFIO_INVENTORY_FILE_H
#define PLUGINS_VFIO_INVENTORY_FILE_H

#include <sys/stat.h>

#include "plugins/vfio/device.h"
#include "plugins/vfio/facts.h"

/* A socket file: another process of the same path is another device, for its socket is another file. Or the
 * binding of a driver to a device (pci_binding()). */
struct inventory_identity {
	uint64_t dev, ino;
	int64_t changed_s, changed_ns;
};

/* As it is in the file. Unused bytes are 0, so that records can be compared. */
struct inventory_record {
	char path[VDEV_PATH_MAX];
	uint32_t known;	  /* facts are there */
	uint32_t foreign; /* somebody without a lock holds it */
	uint32_t listed;  /* it was among the listeners (listeners.h) when it was read */
	struct inventory_identity identity;
	struct facts facts;
};

/* Which file was read last. */
struct inventory_version {
	uint64_t ino;
	int64_t changed_s, changed_ns;
};

bool inventory_identify(const char *path, struct inventory_identity *ret);
int inventory_open_holders(const char *dir); /* a descriptor, of a guest to look at; or -1 */

/* Calls take for each record when the file is not the version that was read last. */
void inventory_file_read(const char *dir, struct inventory_version *version,
			 void (*take)(const struct inventory_record *r, void *ctx), void *ctx);
/* 0 or a negative errno; then the old file is still there. */
int inventory_file_write(const char *dir, const struct inventory_record *const *records, size_t n,
			 struct inventory_version *version);
/* Does a file's content make sense? For the reader and its fuzzer: the records in it, or 0. */
size_t inventory_check(const void *data, size_t len, const struct inventory_record **ret);

#endif
