/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The locks of the inventory: who holds a device has one on the byte of its file "holders" at the hash of the
 * device's path, and who looks at one on the byte after it. They belong to an open descriptor (F_OFD_SETLK),
 * and the kernel takes them back with its last copy.
 */
#ifndef BASE_INVENTORY_LOCK_H
#define BASE_INVENTORY_LOCK_H

#include <stdint.h>
#include <sys/types.h>

#define INVENTORY_HOLDERS "holders"

enum inventory_lock { INVENTORY_HOLD, INVENTORY_LOOK };

off_t inventory_lock_byte(const char *device, enum inventory_lock which);

/*
 * Takes a lock for somebody who is not to be trusted with the file: what he gets keeps the lock until it is
 * closed, and cannot be written to. A descriptor; -EBUSY: another has the lock; another negative errno.
 */
int inventory_lock_lend(const char *dir, const char *device, enum inventory_lock which);

/* The process that holds a device, in words: as of process_with_lock(). */
int inventory_lock_holder(const char *dir, const char *device, int64_t deadline, char *out, size_t len);

#endif
