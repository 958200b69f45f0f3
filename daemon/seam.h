/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's way to the kernel: what it opens and connects to, its monitor opens and connects; all else it
 * does itself. So it will work on where it may open nothing.
 */
#ifndef DAEMON_SEAM_H
#define DAEMON_SEAM_H

#include "base/sys.h"

#define SEAM_FILES 4

/* From now on the i-th of these files is opened by taking a descriptor that is there. "": none. */
void seam_file(int i, const char *path, int fd);
/* In force for plugins by opaex_set_seam(); after ask_start(). Constant from the first call on. */
const struct sys_ops *seam_of_worker(void);

#endif
