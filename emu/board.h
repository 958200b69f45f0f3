/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boards are data: who the device says it is, where its registers are, and which accelerators it
 * has. Numbers of the layouts: the kernel's drivers/fpga/dfl.h and dfl-pci.c (facts alone).
 */
#ifndef EMU_BOARD_H
#define EMU_BOARD_H

#include "emu/block.h"
#include "vfio-user/config-space.h"

#define BOARD_MAX_PORTS 4u
#define BOARD_BARS 6u
#define BOARD_PORT_BYTES UINT64_C(0x8000) /* a port's header and features */
#define BOARD_PORT_VECTORS 5u /* of each port: its errors, and four for the accelerator */

enum board_layout {
	BOARD_AFU,  /* BAR0 is the accelerator, and nothing else is there */
	BOARD_PORT, /* a port begins at BAR0, without a management engine */
	BOARD_FME,  /* the FME begins at BAR0 and names each port's BAR and offset */
	BOARD_VSEC, /* a vendor-specific capability names the lists; the ports follow the FME's */
};

struct board_port {
	unsigned int bar;
	uint64_t offset;     /* of the port's header in the BAR; also of BAR0's accelerator */
	uint64_t afu_offset; /* from the port's header; 0: there is no header */
	uint64_t afu_size;
	const struct block_ops *afu;
};

struct board {
	const char *name;
	const char *help;
	enum board_layout layout;
	struct vu_config_ids ids;
	uint64_t bar_size[BOARD_BARS]; /* bytes, powers of two; even BARs, each 64 bits wide */
	uint64_t fme_offset;	       /* in BAR0 */
	uint64_t bitstream_id;
	uint64_t interface_high, interface_low; /* of partial reconfiguration */
	unsigned int num_ports;
	struct board_port ports[BOARD_MAX_PORTS];
	bool maps; /* mode when --mmio is not given: mapped pages or trapped ones */
};

extern const struct board boards[];
extern const unsigned int num_boards;
extern const struct block_ops *const board_afus[];
extern const unsigned int num_board_afus;

const struct board *board_find(const char *name); /* NULL: the default; NULL back: unknown */
const struct block_ops *board_find_afu(const char *name);
const struct block_ops *board_find_afu_guid(uint64_t high, uint64_t low);
/* Puts other accelerators into the ports: names with commas between. False: *bad is unknown or too much. */
bool board_set_afus(struct board *b, const char *names, const char **bad);

unsigned int board_vectors(const struct board *b);
bool board_has_fme(const struct board *b);

extern const struct block_ops afu_nlb0, afu_hello, afu_bench, afu_parent;
extern const struct block_ops afu_he_lb, afu_he_mem, afu_script, afu_poller;
extern const struct block_ops block_fme, block_port;

#endif
