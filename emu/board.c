/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/board.h"

#include <string.h>

/* Intel's OFS virtual function: vendor, device, and the subsystem of its reference boards. */
#define OFS_VF                                                                                     \
	{                                                                                          \
		.vendor = 0x8086, .device = 0xbccf, .subsystem_vendor = 0x8086,                    \
		.subsystem_device = 0x1771, .class_code = 0x120000                                 \
	}

const struct board boards[] = {
	{ .name = "nlb0",
	  .help = "a virtual function with the NLB0 loopback (the default)",
	  .ids = OFS_VF,
	  .bar0_size = 32768,
	  .vectors = 4,
	  .afu = &afu_nlb0 },
	{ .name = "hello",
	  .help = "a virtual function with hello_afu",
	  .ids = OFS_VF,
	  .bar0_size = 32768,
	  .vectors = 4,
	  .afu = &afu_hello },
	{ .name = "bench",
	  .help = "a virtual function to measure with: registers and doorbell on a mapped page",
	  .ids = OFS_VF,
	  .bar0_size = 32768,
	  .vectors = 4,
	  .afu = &afu_bench,
	  .maps = true },
};

const unsigned int num_boards = sizeof(boards) / sizeof(boards[0]);

const struct board *board_find(const char *name)
{
	if (!name)
		return &boards[0];
	for (unsigned int i = 0; i < num_boards; i++)
		if (!strcmp(boards[i].name, name))
			return &boards[i];
	return NULL;
}
