/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a user's emulated cards have their sockets. `opae emu` puts them there and v-opae looks there,
 * so where it is, and when it may be trusted, is said once.
 */
#ifndef BASE_EMU_DIR_H
#define BASE_EMU_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* $OPAEX_EMU_DIR, else $XDG_RUNTIME_DIR/opae/emu, else /tmp/opae-UID/emu. False: longer than len. */
bool emu_dir_path(char *out, size_t len);

/*
 * A directory of this user's that nobody else can write to, in a parent where nobody else can put
 * another in its place. What lies in any other may be anything.
 */
bool emu_dir_trusted(const char *dir);

#define EMU_PATH_MAX 108 /* a socket's address has no more */
#define EMU_NAME_MAX 24  /* of a card that `opae emu` starts */
/* Of the directory, so that "/NAME.sock" fits behind it; all with the final NUL. */
#define EMU_DIR_MAX (EMU_PATH_MAX - EMU_NAME_MAX - 6)

struct emu_card {
	char path[EMU_PATH_MAX]; /* of its socket */
	uint16_t segment;        /* of its PCI address, SSSS:00:00.0 */
};

/*
 * The sockets in the directory, by name. A card keeps its address when others come and go: a name that ends
 * in a number has that number's segment ("card3" 0x8003, "b-n6000-1" 0x8001; modulo 0x4000), any other one
 * between 0xa000 and 0xbfff by its hash. When two want the same, the next free one is taken, in the order
 * of the names, those with numbers first. The caller frees. 0, or a negative errno.
 */
int emu_dir_list(const char *dir, struct emu_card **ret, size_t *n);

#endif
