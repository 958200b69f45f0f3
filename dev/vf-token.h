/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The token of virtual functions that all processes of a user share who share an inventory, which lies beside
 * it (plugins/vfio/vf-token.c).
 */
#ifndef DEV_VF_TOKEN_H
#define DEV_VF_TOKEN_H

#include <stdint.h>

#include "base/inventory-dir.h"

#define VF_TOKEN_FILE "vf-token"
#define VF_TOKEN_LEN 16
#define VF_TOKEN_PATH_MAX (INVENTORY_DIR_MAX + 16)

/* The token in the file, which is made if need be, but by no guest of the inventory. 0, a negative errno. */
int vf_token_get(const char *path, uint8_t token[VF_TOKEN_LEN]);

#endif
