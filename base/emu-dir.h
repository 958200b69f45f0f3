/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a user's emulated cards have their sockets. `opae emu` puts them there and v-opae looks there,
 * so where it is, and when it may be trusted, is said once.
 */
#ifndef BASE_EMU_DIR_H
#define BASE_EMU_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* $OPAEX_EMU_DIR, else $XDG_RUNTIME_DIR/opae/emu, else /tmp/opae-UID/emu. False: longer than len. */
bool emu_dir_path(char *out, size_t len);

/*
 * A directory of this user's that nobody else can write to, in a parent where nobody else can put
 * another in its place. What lies in any other may be anything.
 */
bool emu_dir_trusted(const char *dir);

#endif
