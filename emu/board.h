/* SPDX-License-Identifier: BSD-3-Clause */
/* Boards are data: who the device says it is, and which AFU is in its region. */
#ifndef EMU_BOARD_H
#define EMU_BOARD_H

#include "emu/afu.h"
#include "vfio-user/config-space.h"

struct board {
	const char *name;
	const char *help;
	struct vu_config_ids ids;
	uint64_t bar0_size; /* bytes, a power of two */
	unsigned int vectors;
	const struct afu_ops *afu;
	bool maps; /* mode when --mmio is not given: mapped pages or trapped ones */
};

extern const struct board boards[];
extern const unsigned int num_boards;

const struct board *board_find(const char *name); /* NULL: the default; NULL back: unknown */

#endif
