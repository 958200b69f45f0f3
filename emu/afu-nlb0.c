/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NLB0, the native loopback: copies cache lines from one buffer to another and then writes a status
 * line. Registers as in the NLB documentation of OPAE's hello_fpga.
 *
 * Life of a run: idle --start--> armed (parameters latched) --engine--> working --> idle. While
 * the control register holds the engine in reset nothing runs. A reset or a stop reaches a
 * run under way through `halt`.
 *
 * In mapped mode the client stores into the control register directly, and two stores may be seen
 * as one. So that a repeated value is still noticed, the engine sets bit 31 (reserved) in
 * what it has seen; a store by the client clears it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "emu/block.h"

enum {
	SCRATCH0 = 0x100,
	SCRATCH2 = 0x108,
	DSM_BASE = 0x110,
	SRC = 0x120,
	DST = 0x128,
	NUM_LINES = 0x130,
	CTL = 0x138,
	CFG = 0x140,
	INACTIVITY = 0x148,
	INTERRUPT = 0x150,
	SWTEST = 0x158,
	STATUS0 = 0x160,
	STATUS1 = 0x168,
	ERROR = 0x170,
	STRIDE = 0x178,
};

#define CTL_RUN 0x1u
#define CTL_START 0x2u
#define CTL_STOP 0x4u
#define CTL_SEEN 0x80000000u

#define CFG_CONTINUOUS 0x2u
#define CFG_MODE 0x1cu
#define CFG_INTERRUPT_ERROR (1u << 28)
#define CFG_INTERRUPT_DONE (1u << 29)

#define ERROR_DMA 0x1u
#define ERROR_MODE 0x2u

#define LINE 64u
#define LINES_MASK 0xfffffu
#define STEP_LINES (1u << 14) /* 1 MiB between two looks at halt */
#define CLOCK_NS 5            /* a clock of 200 MHz */
#define DSM_STATUS 0x40u      /* of the status line, in the DSM buffer */

enum halt { GO, STOP_NOW, FORGET }; /* FORGET: end without a status line */

struct job {
	uint64_t dsm, src, dst;
	uint32_t lines, cfg;
};

struct nlb {
	uint32_t ctl; /* as last seen */
	bool armed, working;
	struct job job;
	atomic_int halt;
	uint32_t runs; /* the status line's counter */
};

static void reset(struct block *a)
{
	struct nlb *n = a->state;

	memset(a->regs, 0, STRIDE + 8);
	block_put_identity(a);
	memset(n, 0, sizeof(*n));
	block_put32(a, CTL, CTL_SEEN * a->mapped);
}

/* ---- control, lock held ---- */

static void arm(struct block *a)
{
	struct nlb *n = a->state;

	n->job = (struct job){ .dsm = block_get64(a, DSM_BASE) & ~(uint64_t)(LINE - 1),
			       .src = block_get64(a, SRC) * LINE,
			       .dst = block_get64(a, DST) * LINE,
			       .lines = block_get32(a, NUM_LINES) & LINES_MASK,
			       .cfg = block_get32(a, CFG) };
	atomic_store(&n->halt, GO);
	n->armed = true;
}

static void engine_reset(struct block *a)
{
	struct nlb *n = a->state;

	atomic_store(&n->halt, FORGET);
	n->armed = false;
	block_put64(a, STATUS0, 0);
	block_put64(a, STATUS1, 0);
	block_put64(a, ERROR, 0);
}

/* certain: each store was seen, so a start that was set before is no new one. */
static void control(struct block *a, uint32_t ctl, bool certain)
{
	struct nlb *n = a->state;
	bool started = (n->ctl & CTL_RUN) && (n->ctl & CTL_START);

	n->ctl = ctl;
	if (!(ctl & CTL_RUN))
		engine_reset(a);
	else if (ctl & CTL_STOP)
		atomic_store(&n->halt, STOP_NOW);
	else if ((ctl & CTL_START) && !(certain && started) && !n->working)
		arm(a);
}

static bool only_while_stopped(uint64_t reg)
{
	return reg == SRC || reg == DST || reg == CFG || reg == INACTIVITY;
}

/* Bits of a register that a client may write. */
static uint64_t writable_bits(uint64_t reg)
{
	switch (reg) {
	case SCRATCH0:
	case SCRATCH2:
	case SRC:
	case DST:
	case CFG:
	case SWTEST:
		return UINT64_MAX;
	case DSM_BASE:
		return ~UINT64_C(0x3f);
	case NUM_LINES:
		return LINES_MASK;
	case INACTIVITY:
	case INTERRUPT:
		return UINT32_MAX;
	case STRIDE:
		return 0x3f;
	default:
		return 0;
	}
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	struct nlb *n = a->state;
	uint64_t reg = offset & ~UINT64_C(7);

	if (reg == CTL) {
		if (offset != CTL)
			return;
		block_put32(a, CTL, (uint32_t)value & 0xffff);
		control(a, (uint32_t)value & 0xffff, true);
		return;
	}
	if (only_while_stopped(reg) && (n->ctl & (CTL_RUN | CTL_START)) != CTL_RUN)
		return;
	value &= writable_bits(reg) >> (offset & 4) * 8;
	if (writable_bits(reg))
		block_store(a, offset, value, bytes);
}

static bool look(struct block *a)
{
	uint32_t *at = (uint32_t *)(void *)(a->regs + CTL);
	uint32_t ctl = __atomic_fetch_or(at, CTL_SEEN, __ATOMIC_ACQ_REL);

	if (ctl & CTL_SEEN)
		return false;
	control(a, ctl & 0xffff, false);
	return true;
}

static bool has_work(struct block *a)
{
	const struct nlb *n = a->state;

	return n->armed;
}

/* ---- a run, on the engine thread ---- */

struct run {
	const struct job *job;
	uint64_t reads, writes;
	uint32_t error;
};

static void publish(struct block *a, const struct run *r, uint32_t pending)
{
	block_put64(a, STATUS0, (r->reads & UINT32_MAX) << 32 | (r->writes & UINT32_MAX));
	block_put64(a, STATUS1, (uint64_t)pending << 32 | pending);
}

/* A reset took the DMA away, or the client left: the run never was. */
static bool dma_failed(struct block *a, struct run *r, int rc)
{
	struct nlb *n = a->state;

	if (rc == -ECANCELED || rc == -ENOTCONN)
		atomic_store(&n->halt, FORGET);
	else if (rc)
		r->error |= ERROR_DMA;
	return rc;
}

/* While the engine works nobody else looks at mapped registers: a stop must still arrive. */
static bool may_go_on(struct block *a)
{
	struct nlb *n = a->state;

	if (a->mapped) {
		block_lock(a);
		look(a);
		block_unlock(a);
	}
	return atomic_load(&n->halt) == GO;
}

/* Copies all lines once, or as many as there is time for. */
static void copy_once(struct block *a, struct run *r)
{
	for (uint32_t at = 0; at < r->job->lines && may_go_on(a);) {
		uint32_t lines = r->job->lines - at;
		uint64_t offset = (uint64_t)at * LINE;

		if (lines > STEP_LINES)
			lines = STEP_LINES;
		if (dma_failed(a, r, block_dma_copy(a, r->job->dst + offset,
						   r->job->src + offset, (size_t)lines * LINE)))
			return;
		at += lines;
		r->reads += lines;
		r->writes += lines;
		publish(a, r, r->job->lines - at);
	}
}

/* The word that a program polls goes last. */
static void write_status_line(struct block *a, struct run *r, uint64_t clocks)
{
	struct nlb *n = a->state;
	uint32_t line[LINE / 4] = { 0 };
	uint64_t at = r->job->dsm + DSM_STATUS;

	line[0] = 1u | (++n->runs & 0x7fff) << 1;
	line[1] = r->error;
	line[2] = (uint32_t)clocks;
	line[3] = (uint32_t)(clocks >> 32);
	line[4] = (uint32_t)r->reads;
	line[5] = (uint32_t)r->writes;
	if (!dma_failed(a, r, block_dma_write(a, at + 8, &line[2], sizeof(line) - 8)))
		dma_failed(a, r, block_dma_write(a, at, &line[0], 8));
}

static void finish(struct block *a, struct run *r, uint64_t clocks)
{
	struct nlb *n = a->state;
	uint32_t cfg = r->job->cfg;

	if (atomic_load(&n->halt) != FORGET)
		write_status_line(a, r, clocks);
	block_lock(a);
	if (atomic_load(&n->halt) != FORGET) {
		block_put64(a, ERROR, r->error);
		publish(a, r, 0);
		if ((cfg & CFG_INTERRUPT_DONE) || (r->error && (cfg & CFG_INTERRUPT_ERROR)))
			block_interrupt(a, block_get32(a, INTERRUPT));
	}
	n->working = false;
	block_unlock(a);
}

static void work(struct block *a)
{
	struct nlb *n = a->state;
	int64_t begin = clock_now_ns();
	struct job job;
	struct run r = { .job = &job };

	block_lock(a);
	job = n->job;
	n->working = n->armed;
	n->armed = false;
	block_unlock(a);
	if (!n->working)
		return;
	publish(a, &r, job.lines);
	if (job.cfg & CFG_MODE)
		r.error = ERROR_MODE;
	do
		copy_once(a, &r);
	while ((job.cfg & CFG_CONTINUOUS) && job.lines && !r.error && may_go_on(a));
	finish(a, &r, (uint64_t)(clock_now_ns() - begin) / CLOCK_NS);
}

const struct block_ops afu_nlb0 = {
	.name = "nlb0",
	.help = "NLB0, the native loopback: copies lines of memory",
	.guid_high = UINT64_C(0xD8424DC4A4A3C413),
	.guid_low = UINT64_C(0xF89E433683F9040B),
	.state_size = sizeof(struct nlb),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
	.look = look,
	.has_work = has_work,
	.work = work,
};
