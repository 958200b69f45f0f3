/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/exerciser.h"

#include <string.h>

#define CTL_RUN 0x1u /* 0: the engine is held in reset */
#define CTL_START 0x2u
#define CTL_STOP 0x4u
#define CTL_BITS 0xffffu

void exerciser_reset(struct block *b, uint64_t dsm_writable, void (*latch)(struct block *b))
{
	struct exerciser *e = b->state;

	memset(b->regs, 0, EX_END);
	block_put_identity(b);
	run_init(&e->run);
	e->ctl = 0;
	e->dsm_writable = dsm_writable;
	e->latch = latch;
	block_put32(b, EX_CTL, RUN_SEEN * b->mapped);
}

static void engine_reset(struct block *b)
{
	struct exerciser *e = b->state;

	run_forget(&e->run);
	block_put64(b, EX_STATUS0, 0);
	block_put64(b, EX_STATUS1, 0);
	block_put64(b, EX_ERROR, 0);
}

/* certain: each store was seen, so a start that was set before is no new one. */
static void control(struct block *b, uint32_t ctl, bool certain)
{
	struct exerciser *e = b->state;
	bool started = (e->ctl & CTL_RUN) && (e->ctl & CTL_START);

	e->ctl = ctl;
	if (!(ctl & CTL_RUN))
		engine_reset(b);
	else if (ctl & CTL_STOP)
		run_stop(&e->run);
	else if ((ctl & CTL_START) && !(certain && started) && run_start(&e->run))
		e->latch(b);
}

static bool only_while_stopped(uint64_t reg)
{
	return reg == EX_SRC || reg == EX_DST || reg == EX_CFG || reg == EX_INACTIVITY;
}

/* Bits of a register that a client may write. */
static uint64_t writable_bits(const struct exerciser *e, uint64_t reg)
{
	switch (reg) {
	case EX_SCRATCH0:
	case EX_SCRATCH2:
	case EX_SRC:
	case EX_DST:
	case EX_CFG:
	case EX_SWTEST:
		return UINT64_MAX;
	case EX_DSM_BASE:
		return e->dsm_writable;
	case EX_NUM_LINES:
		return EX_LINES_MASK;
	case EX_INACTIVITY:
	case EX_INTERRUPT:
		return UINT32_MAX;
	case EX_STRIDE:
		return 0x3f;
	default:
		return 0;
	}
}

void exerciser_written(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes)
{
	const struct exerciser *e = b->state;
	uint64_t reg = offset & ~UINT64_C(7), bits = writable_bits(e, reg);

	if (reg == EX_CTL) {
		if (offset != EX_CTL)
			return;
		block_put32(b, EX_CTL, (uint32_t)value & CTL_BITS);
		control(b, (uint32_t)value & CTL_BITS, true);
		return;
	}
	if (!bits || (only_while_stopped(reg) && (e->ctl & (CTL_RUN | CTL_START)) != CTL_RUN))
		return;
	block_store(b, offset, value & bits >> (offset & 4) * 8, bytes);
}

bool exerciser_look(struct block *b)
{
	uint32_t ctl;

	if (!run_look(b, EX_CTL, &ctl))
		return false;
	control(b, ctl & CTL_BITS, false);
	return true;
}

bool exerciser_has_work(struct block *b)
{
	const struct exerciser *e = b->state;

	return e->run.armed;
}
