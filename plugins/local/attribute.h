/* SPDX-License-Identifier: BSD-3-Clause */
/* Reasons, for calls that read and write attributes of an FME or a port in sysfs. */
#ifndef PLUGINS_LOCAL_ATTRIBUTE_H
#define PLUGINS_LOCAL_ATTRIBUTE_H

#include <opae/types_enum.h>
#include <stdbool.h>

#include "dev/dfl.h"

/* FPGA_OK; FPGA_NOT_FOUND with the reason: the device has gone, or another has its name now. */
fpga_result attribute_device(const struct dfl_device *d, const char *call);
/* What a negative errno for an attribute means; `name` is its path in the device's folder. */
fpga_result attribute_failed(const struct dfl_device *d, const char *name, int rc, bool write,
			     const char *call);

#endif
