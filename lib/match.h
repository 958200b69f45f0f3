/* SPDX-License-Identifier: BSD-3-Clause */
/* Does a device match a filter: the one place that decides it. */
#ifndef LIB_MATCH_H
#define LIB_MATCH_H

#include <opae/plugin.h>

/* All properties set in the filter, the parent excepted, are set and equal in the device. */
bool match_values(const struct opae_props *filter, const struct opae_props *device);

#endif
