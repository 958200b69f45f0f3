/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's way to the kernel: all that goes by a path, and every socket, its monitor opens, looks at,
 * makes and removes; what is done with a descriptor it does itself. So it works on in its sandbox.
 */
#ifndef DAEMON_SEAM_H
#define DAEMON_SEAM_H

#include "base/sys.h"

/*
 * Opens what the kernel tells of this process, which nobody else can, and puts seam_of_peer() in force.
 * Before sandbox_enter().
 */
void seam_prepare(void);
#define SEAM_FILES 4

/* From now on the i-th of these files is opened by taking a descriptor that is there. "": none. */
void seam_file(int i, const char *path, int fd);
/* Memory that is unmapped by way of the seam from now on is unmapped by this. */
void seam_unmap_by(int (*unmap)(void *at, size_t len));
/* In force for plugins by opaex_set_seam(). Constant from the first call on. It asks after ask_start(). */
const struct sys_ops *seam_of_worker(void);
/* The same of one that has a peer, and is a guest of the inventory. */
const struct sys_ops *seam_of_guest(void);
/* For the program's own calls: the kernel, and with its peer by the calls that the sandbox leaves. */
const struct sys_ops *seam_of_peer(void);

#endif
