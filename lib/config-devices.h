/* SPDX-License-Identifier: BSD-3-Clause */
/* Which devices the boards of opae.cfg's newer form give to a module. */
#ifndef LIB_CONFIG_DEVICES_H
#define LIB_CONFIG_DEVICES_H

#include <json-c/json.h>
#include <stdbool.h>

/*
 * Adds to *list (an array, made when it is NULL) the ids of a board's devices that the entry names, each as
 * "vvvv:dddd" or "vvvv:dddd:ssss:ssss". False: a device is named or described wrongly; *problem says how,
 * and the caller frees it.
 */
bool config_add_devices(struct json_object *board, struct json_object *entry,
			struct json_object **list, char **problem);

/* The configuration with the list as its "devices", unless it has such a key or is no object; NULL: it stays
 * as it is. The caller frees. */
char *config_with_devices(const char *configuration, const char *list);

#endif
