/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What NLB0 and the host exercisers have in common: the places of their registers, the control
 * register, and what may be written when. The state of each begins with a struct exerciser.
 */
#ifndef EMU_EXERCISER_H
#define EMU_EXERCISER_H

#include "emu/run.h"

enum exerciser_register {
	EX_SCRATCH0 = 0x100,
	EX_SCRATCH2 = 0x108,
	EX_DSM_BASE = 0x110,
	EX_SRC = 0x120,
	EX_DST = 0x128,
	EX_NUM_LINES = 0x130,
	EX_CTL = 0x138,
	EX_CFG = 0x140,
	EX_INACTIVITY = 0x148,
	EX_INTERRUPT = 0x150,
	EX_SWTEST = 0x158,
	EX_STATUS0 = 0x160,
	EX_STATUS1 = 0x168,
	EX_ERROR = 0x170,
	EX_STRIDE = 0x178,
	EX_INFO0 = 0x180,
	EX_END = 0x188,
};

#define EX_CFG_CONTINUOUS 0x2u
#define EX_CFG_MODE(cfg) ((cfg) >> 2 & 7)
#define EX_CFG_INTERRUPT_ERROR (1u << 28)
#define EX_CFG_INTERRUPT_DONE (1u << 29)

#define EX_ERROR_DMA 0x1u
#define EX_ERROR_MODE 0x2u

#define EX_LINE 64u
#define EX_LINES_MASK 0xfffffu
#define EX_CLOCK_MHZ 200u
#define EX_CLOCK_NS 5

struct exerciser {
	struct run run;
	uint32_t ctl;		/* as last seen */
	uint64_t dsm_writable;	/* bits of the DSM base */
	void (*latch)(struct block *b); /* a start: the parameters as they are now */
};

/* All registers 0 but the identity. */
void exerciser_reset(struct block *b, uint64_t dsm_writable, void (*latch)(struct block *b));
/* These three are members of struct block_ops. */
void exerciser_written(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes);
bool exerciser_look(struct block *b);
bool exerciser_has_work(struct block *b);

#endif
