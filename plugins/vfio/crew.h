/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many small jobs of which each mostly waits for an answer. A few threads do them; as long as nothing
 * is finished more come, for then it is others that are slow, and not this machine that is busy.
 */
#ifndef PLUGINS_VFIO_CREW_H
#define PLUGINS_VFIO_CREW_H

#include <stddef.h>

/* Calls job(ctx, i) once for each i below num, and returns when all are done. Threads that cannot be
 * started are missed by nobody: the caller works as well. */
void crew_work(size_t num, void (*job)(void *ctx, size_t i), void *ctx);

#endif
