/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin on the kernel of fake-dfl.h, as its tests share it. */
#ifndef TESTS_UNIT_LOCAL_RIG_H
#define TESTS_UNIT_LOCAL_RIG_H

#include <opae/plugin.h>

#include "tests/unit/props-host.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIB (1024u * 1024u)

extern opae_api_adapter_table t;

int local_up(unsigned int cards);
int up(void **state); /* with one card */
int down(void **state);
/* The first of a type; the caller destroys it. */
fpga_token find(fpga_objtype type);
/* Its properties. */
struct host_props look(fpga_objtype type);
fpga_handle open_one(fpga_objtype type, int flags);
/* Makes a buffer, writes to it, and gives it back. */
fpga_result prepare(fpga_handle h, uint64_t len, int flags);

#endif
