/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error registers: the attributes in the folder errors/ of an FME or a port, in the order of their
 * names. A register's index is its place in that order.
 */
#ifndef PLUGINS_LOCAL_ERRORS_H
#define PLUGINS_LOCAL_ERRORS_H

#include <opae/types_enum.h>
#include <stdint.h>

#include "dev/dfl.h"

/* How many there are; none is read. 0 or a negative errno; -ENOENT: there is no such folder. */
int errors_count(const struct dfl_device *d, uint32_t *n);
/* Clears the register of that name, as fpgaClearError() does. A device that has none of it has no errors. */
fpga_result errors_clear(const struct dfl_device *d, const char *name, const char *call);

#endif
