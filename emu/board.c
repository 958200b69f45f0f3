/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/board.h"

#include <string.h>

#define KIB UINT64_C(1024)

/* Vendor, device, and the subsystem of Intel's reference boards. */
#define IDS(dev, subsystem)                                                                        \
	{                                                                                          \
		.vendor = 0x8086, .device = dev, .subsystem_vendor = 0x8086,                       \
		.subsystem_device = subsystem, .class_code = 0x120000                              \
	}
#define OFS_VF IDS(0xbccf, 0x1771)

#define WHOLE_BAR0(which)                                                                          \
	{                                                                                          \
		.afu_size = 32 * KIB, .afu = &(which)                                              \
	}
/* A port's header and features, and the accelerator 64 KiB behind it. */
#define PORT(in_bar, at, which)                                                                    \
	{                                                                                          \
		.bar = in_bar, .offset = at, .afu_offset = 64 * KIB, .afu_size = 64 * KIB,         \
		.afu = &(which)                                                                    \
	}

/* Version 6.1.0 of a build that nobody made. */
#define BITSTREAM_ID UINT64_C(0x06100000e0a10001)
#define INTERFACE(n)                                                                               \
	.interface_high = UINT64_C(0xe9a1ca2dc0de4d5a),                                            \
	.interface_low = UINT64_C(0x9c3f00000000a000) + (n)

const struct board boards[] = {
	{ .name = "nlb0",
	  .help = "a virtual function with the NLB0 loopback (the default)",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_nlb0) } },
	{ .name = "hello",
	  .help = "a virtual function with hello_afu",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_hello) } },
	{ .name = "bench",
	  .help = "a virtual function to measure with: registers and doorbell on a mapped page",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_bench) },
	  .maps = true },
	{ .name = "he-lb",
	  .help = "a virtual function with the host exerciser HE-LB",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_he_lb) } },
	{ .name = "he-mem",
	  .help = "a virtual function with the host exerciser HE-MEM",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_he_mem) } },
	{ .name = "script",
	  .help = "a virtual function that carries out a program of DMA steps",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_script) } },
	{ .name = "poller",
	  .help = "a virtual function that takes its commands from memory, without MMIO",
	  .ids = OFS_VF,
	  .bar_size = { 32 * KIB },
	  .num_ports = 1,
	  .ports = { WHOLE_BAR0(afu_poller) } },
	{ .name = "port",
	  .help = "a virtual function with a port, as the kernel's DFL driver takes it",
	  .layout = BOARD_PORT,
	  .ids = OFS_VF,
	  .bar_size = { 128 * KIB },
	  .num_ports = 1,
	  .ports = { PORT(0, 0, afu_nlb0) } },
	{ .name = "a10",
	  .help = "a management engine in BAR0 and one port in BAR2, as the Arria 10 PAC has them",
	  .layout = BOARD_FME,
	  .ids = IDS(0x09c4, 0x0000),
	  .bar_size = { 512 * KIB, 0, 128 * KIB },
	  .bitstream_id = BITSTREAM_ID,
	  INTERFACE(1),
	  .num_ports = 1,
	  .ports = { PORT(2, 0, afu_nlb0) } },
	{ .name = "n6000",
	  .help = "lists named by a vendor capability, two ports chained, as OFS boards have them",
	  .layout = BOARD_VSEC,
	  .ids = IDS(0xbcce, 0x1771),
	  .bar_size = { 512 * KIB },
	  .bitstream_id = BITSTREAM_ID,
	  INTERFACE(2),
	  .num_ports = 2,
	  .ports = { PORT(0, 128 * KIB, afu_nlb0), PORT(0, 256 * KIB, afu_hello) } },
	{ .name = "multi",
	  .help = "three ports in BAR2; the first one's accelerator has the two others as children",
	  .layout = BOARD_FME,
	  .ids = IDS(0x09c4, 0x0000),
	  .bar_size = { 512 * KIB, 0, 512 * KIB },
	  .bitstream_id = BITSTREAM_ID,
	  INTERFACE(3),
	  .num_ports = 3,
	  .ports = { PORT(2, 0, afu_parent), PORT(2, 128 * KIB, afu_nlb0),
		     PORT(2, 256 * KIB, afu_nlb0) } },
};

const unsigned int num_boards = sizeof(boards) / sizeof(boards[0]);

const struct block_ops *const board_afus[] = { &afu_nlb0,  &afu_hello,  &afu_bench,  &afu_parent,
					       &afu_he_lb, &afu_he_mem, &afu_script, &afu_poller };
const unsigned int num_board_afus = sizeof(board_afus) / sizeof(board_afus[0]);

const struct board *board_find(const char *name)
{
	if (!name)
		return &boards[0];
	for (unsigned int i = 0; i < num_boards; i++)
		if (!strcmp(boards[i].name, name))
			return &boards[i];
	return NULL;
}

const struct block_ops *board_find_afu(const char *name)
{
	for (unsigned int i = 0; i < num_board_afus; i++)
		if (!strcmp(board_afus[i]->name, name))
			return board_afus[i];
	return NULL;
}

const struct block_ops *board_find_afu_guid(uint64_t high, uint64_t low)
{
	for (unsigned int i = 0; i < num_board_afus; i++)
		if (board_afus[i]->guid_high == high && board_afus[i]->guid_low == low)
			return board_afus[i];
	return NULL;
}

bool board_set_afus(struct board *b, const char *names, const char **bad)
{
	unsigned int port = 0;

	for (const char *at = names; *at; port++) {
		size_t len = strcspn(at, ",");
		char name[24] = "";

		*bad = at;
		if (port >= b->num_ports || len >= sizeof(name))
			return false;
		memcpy(name, at, len);
		b->ports[port].afu = board_find_afu(name);
		if (!b->ports[port].afu)
			return false;
		at += len + (at[len] == ',');
	}
	return true;
}

bool board_has_fme(const struct board *b)
{
	return b->layout == BOARD_FME || b->layout == BOARD_VSEC;
}

unsigned int board_vectors(const struct board *b)
{
	if (b->layout == BOARD_AFU)
		return BOARD_PORT_VECTORS - 1;
	return board_has_fme(b) + BOARD_PORT_VECTORS * b->num_ports;
}
