/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory in which a worker counts and the monitor reads: of a fixed size, so that neither can be cut. */
#ifndef DAEMON_COUNTS_PAGE_H
#define DAEMON_COUNTS_PAGE_H

#include "rpc/counts.h"

/* The monitor's: mapped for reading, all 0, and a descriptor of it for the worker. Or a negative errno. */
int counts_page_new(const struct rpc_counts **ret);
/* The worker's; NULL: it cannot be mapped. The descriptor is closed; -1 is fine. */
struct rpc_counts *counts_page_map(int fd);
void counts_page_free(const struct rpc_counts *c); /* NULL is fine */

#endif
