/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel tells of this process itself. */
#ifndef DAEMON_METRICS_SELF_H
#define DAEMON_METRICS_SELF_H

#include <stdint.h>

struct metrics_self {
	double cpu_seconds, start_seconds; /* the latter since 1970 */
	uint64_t resident_bytes, virtual_bytes, open_fds, max_fds;
};

/* What cannot be had is 0. */
void metrics_self(struct metrics_self *ret);

#endif
