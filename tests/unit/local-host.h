/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the local plugin need of the rest of it, and a card of two ports as the kernel's
 * driver shows it. */
#ifndef TESTS_UNIT_LOCAL_HOST_H
#define TESTS_UNIT_LOCAL_HOST_H

#include "plugins/local/local.h"

#define CARD_FME "/sys/devices/pci0000:00/0000:b1:00.0/fpga_region/region0/dfl-fme.0"
#define CARD_PORT "/sys/devices/pci0000:00/0000:b1:00.0/fpga_region/region0/dfl-port.0"

extern char said[512]; /* the last reason */

/* Into the fake tree, with the folders on the way; paths are those without its root. */
void put_bytes(const char *path, const void *data, size_t len);
void put_text(const char *path, const char *text);
void put_link(const char *path, const char *to);
void put_mode(const char *path, unsigned int mode);
/* With all that is below it. */
void take_away(const char *path);
/* What is in a file, to 4 KiB. The caller frees. */
char *text_of(const char *path);

/* A fake tree with the card in it, and its FME's or port's token. fake_tree_remove() is the caller's. */
void card_make(void);
struct token card_token(enum dfl_kind kind);
/* A handle on it without a node; the instance has it among those that are watched. */
struct handle card_handle(struct instance *inst, enum dfl_kind kind);

#endif
