/* SPDX-License-Identifier: BSD-3-Clause */
/* The places of gate.h, for all who judge what is done there. */
#ifndef DAEMON_GATE_PLACES_H
#define DAEMON_GATE_PLACES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool gate_begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Absolute, and no part of it is empty, "." or "..". */
bool gate_is_plain(const char *path);
/* Of a path without links: the node of a device; a file or folder of /sys that a worker may read. */
bool gate_is_device(const char *real);
bool gate_is_readable(const char *real);
/*
 * Where a path leads, without links (or with the last one, when it is not followed), as far as there is
 * something; what there is not stands behind it as it was asked for. So it can be judged whether it is there
 * or not, and who may not have it is not told. 0; a negative errno says why it leads no further. `real` is
 * "", and nothing was looked at: it is at none of the places, which is -EACCES.
 */
int gate_resolve(const char *path, bool follow, char real[PATH_MAX]);
/* A card's socket: in the emulator directory, or named in the configuration (NULL ends). */
bool gate_is_socket(const char *path, const char *const *named);
/* The name of a file in the inventory's folder, which is `dir`; NULL: the path is no such one. */
const char *gate_in_inventory(const char *path, char *dir, size_t room);

#endif
