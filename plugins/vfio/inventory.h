/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was learned when a device was last read, by its socket, kept for all processes of this user in
 * $OPAEX_INVENTORY_DIR, else /run/opae (when it exists and is this user's), else
 * $XDG_RUNTIME_DIR/opae, else /tmp/opae-UID. Two files:
 *
 *   inventory  the facts, replaced as a whole by rename, so a reader always sees one version of it
 *   holders    empty; who holds a device has a lock on the byte at the hash of its path, and who
 *              looks at one has a lock on the byte after it. The kernel takes them back when a
 *              process dies.
 *
 * A guest (sys_is_guest()) reads the file and changes nothing: what it learns it keeps to itself, and its
 * locks are taken for it.
 *
 * A device is told from the file as long as its socket is the same file as then. Without a directory
 * that can be trusted the inventory is this process's alone, and nobody's locks are seen.
 */
#ifndef PLUGINS_VFIO_INVENTORY_H
#define PLUGINS_VFIO_INVENTORY_H

#include "base/inventory-lock.h"
#include "base/process.h"
#include "plugins/vfio/vfio.h"

struct inventory;

struct inventory *inventory_new(void); /* NULL: no memory. Touches no file yet. */
/* Of devices that no other process can reach: it has neither file nor locks, and what it was told holds. */
struct inventory *inventory_new_private(void);
void inventory_free(struct inventory *inv);

/* Reads what others wrote since the last time, and who listens. At the beginning of an enumeration. */
void inventory_refresh(struct inventory *inv);
/* What is known of the device behind a socket; a reference, or NULL: nothing that still holds. One that
 * listened, as far as could be seen, and does no more, is not known either. */
struct shared_facts *inventory_find(struct inventory *inv, const char *path);
/* Remembers; written to the file by inventory_save(). */
void inventory_put(struct inventory *inv, const char *path, struct shared_facts *facts);
/* A device is held by somebody who has no lock, until inventory_put() tells that it could be read. */
void inventory_mark_foreign(struct inventory *inv, const char *path);
bool inventory_is_foreign(struct inventory *inv, const char *path);
void inventory_save(struct inventory *inv);

/* 0; -EBUSY: another process has it; of a guest -EPERM: it is not for it. Without a directory 0 as well. */
int inventory_lock(struct inventory *inv, const char *path, enum inventory_lock which);
void inventory_unlock(struct inventory *inv, const char *path, enum inventory_lock which);
/* Are there locks at all? */
bool inventory_has_locks(struct inventory *inv);
/* Does another process have it? */
bool inventory_locked(struct inventory *inv, const char *path, enum inventory_lock which);
/* Which one, of those that can be seen from here: process_name(). False: none. */
bool inventory_holder(struct inventory *inv, const char *path, char name[PROCESS_NAME_MAX]);

#endif
