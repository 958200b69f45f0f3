/* SPDX-License-Identifier: BSD-3-Clause */
/* A host for a plugin whose files are linked into a test: properties objects that can be looked into. */
#ifndef TESTS_UNIT_PROPS_HOST_H
#define TESTS_UNIT_PROPS_HOST_H

#include <opae/plugin.h>

#include "base/sys.h"

struct host_props {
	struct opae_props v;
	uint32_t unset; /* bits that have a reason */
	char why[OPAE_PROPS_REASONS][OPAE_PROPS_REASON_MAX];
	uint32_t bits[OPAE_PROPS_REASONS], num;
};

extern char host_detail[512]; /* the last reason */

/* seam: what the plugin gets for the kernel's calls. */
const struct opae_host *props_host(const struct sys_ops *seam);
/* Why this property is not set; "": no reason was given. */
const char *props_host_why(const struct host_props *p, uint32_t bit);

#endif
