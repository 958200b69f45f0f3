/* SPDX-License-Identifier: BSD-3-Clause */
/* Where v-opae keeps what it knows of devices: it puts it there, and the doctor tells of it. */
#ifndef BASE_INVENTORY_DIR_H
#define BASE_INVENTORY_DIR_H

#include <stdbool.h>
#include <stddef.h>

#define INVENTORY_DIR_MAX 256 /* with the final NUL */

/*
 * $OPAEX_INVENTORY_DIR, else /run/opae when it can be trusted (emu_dir_trusted()), else
 * $XDG_RUNTIME_DIR/opae, else /tmp/opae-UID. *why, unless it is NULL, says in words which of them. False:
 * longer than len.
 */
bool inventory_dir_path(char *out, size_t len, const char **why);
/* The same, and makes it if need be. False as well: what is there is not to be trusted. */
bool inventory_dir_make(char *out, size_t len);

#endif
