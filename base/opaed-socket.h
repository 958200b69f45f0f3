/* SPDX-License-Identifier: BSD-3-Clause */
/* Where opaed's own unix socket is, unless its configuration says otherwise: said once, for it and others. */
#ifndef BASE_OPAED_SOCKET_H
#define BASE_OPAED_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

/* That of root's daemon. */
#define OPAED_SYSTEM_SOCKET "/run/opae/opaed.sock"

/*
 * Of a daemon that this user starts: root's is OPAED_SYSTEM_SOCKET; another user's is
 * $XDG_RUNTIME_DIR/opae/opaed.sock, else /tmp/opae-UID/opaed.sock. False: longer than len.
 */
bool opaed_socket_path(char *out, size_t len);

#endif
