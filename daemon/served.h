/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker serves: all that libopae-c finds on this machine, through its public functions. */
#ifndef DAEMON_SERVED_H
#define DAEMON_SERVED_H

#include "rpc/server/server.h"

/*
 * The table and what belongs to it; constant. Who serves it initializes the library before (fpgaInitialize)
 * and finalizes it after the last session: the table's initialize and finalize are not there.
 *
 * open is opaex_open_alone(): a remote program opens an accelerator's children itself, each as it needs.
 */
const struct rpc_served *daemon_served(void);

#endif
