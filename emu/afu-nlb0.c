/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NLB0, the native loopback: copies cache lines from one buffer to another and then writes a status
 * line. Registers as in the NLB documentation of OPAE's hello_fpga.
 */
#include "base/clock.h"
#include "emu/exerciser.h"

#define STEP_LINES (1u << 14) /* 1 MiB between two looks at whether to go on */
#define DSM_STATUS 0x40u      /* of the status line, in the DSM buffer */

struct job {
	uint64_t dsm, src, dst;
	uint32_t lines, cfg;
};

struct nlb {
	struct exerciser exerciser;
	struct job job;
	uint32_t runs; /* the status line's counter */
};

static void latch(struct block *a)
{
	struct nlb *n = a->state;

	n->job = (struct job){ .dsm = block_get64(a, EX_DSM_BASE) & ~(uint64_t)(EX_LINE - 1),
			       .src = block_get64(a, EX_SRC) * EX_LINE,
			       .dst = block_get64(a, EX_DST) * EX_LINE,
			       .lines = block_get32(a, EX_NUM_LINES) & EX_LINES_MASK,
			       .cfg = block_get32(a, EX_CFG) };
}

static void reset(struct block *a)
{
	struct nlb *n = a->state;

	exerciser_reset(a, ~UINT64_C(0x3f), latch);
	n->runs = 0;
}

/* ---- a run, on the engine thread ---- */

struct pass {
	struct run *run;
	const struct job *job;
	uint64_t reads, writes;
	uint32_t error;
};

static void publish(struct block *a, const struct pass *p, uint32_t pending)
{
	block_put64(a, EX_STATUS0, (p->reads & UINT32_MAX) << 32 | (p->writes & UINT32_MAX));
	block_put64(a, EX_STATUS1, (uint64_t)pending << 32 | pending);
}

static bool dma_failed(struct pass *p, int rc)
{
	if (run_faulted(p->run, rc))
		p->error |= EX_ERROR_DMA;
	return rc != 0;
}

/* Copies all lines once, or as many as there is time for. */
static void copy_once(struct block *a, struct pass *p)
{
	for (uint32_t at = 0; at < p->job->lines && run_goes_on(a, p->run);) {
		uint32_t lines = p->job->lines - at;
		uint64_t offset = (uint64_t)at * EX_LINE;

		if (lines > STEP_LINES)
			lines = STEP_LINES;
		if (dma_failed(p, block_dma_copy(a, p->job->dst + offset, p->job->src + offset,
						 (size_t)lines * EX_LINE)))
			return;
		at += lines;
		p->reads += lines;
		p->writes += lines;
		publish(a, p, p->job->lines - at);
	}
}

/* What the registers say of a run that has ended. Lock held. */
static void tell(struct block *a, const struct pass *p)
{
	block_put64(a, EX_ERROR, p->error);
	publish(a, p, 0);
}

/* The word that a program polls goes last: by then the registers tell of the end, and it may start anew. */
static void write_status_line(struct block *a, struct pass *p, uint64_t clocks)
{
	struct nlb *n = a->state;
	uint32_t line[EX_LINE / 4] = { 0 };
	uint64_t at = p->job->dsm + DSM_STATUS;

	line[0] = 1u | (++n->runs & 0x7fff) << 1;
	line[1] = p->error;
	line[2] = (uint32_t)clocks;
	line[3] = (uint32_t)(clocks >> 32);
	line[4] = (uint32_t)p->reads;
	line[5] = (uint32_t)p->writes;
	if (dma_failed(p, block_dma_write(a, at + 8, &line[2], sizeof(line) - 8)))
		return;
	block_lock(a);
	if (!run_forgotten(p->run))
		tell(a, p);
	run_end(p->run);
	block_unlock(a);
	if (!run_forgotten(p->run))
		dma_failed(p, block_dma_write(a, at, &line[0], 8));
}

static void finish(struct block *a, struct pass *p, uint64_t clocks)
{
	uint32_t cfg = p->job->cfg;

	if (!run_forgotten(p->run))
		write_status_line(a, p, clocks);
	block_lock(a);
	if (!run_forgotten(p->run)) {
		tell(a, p);
		if ((cfg & EX_CFG_INTERRUPT_DONE) || (p->error && (cfg & EX_CFG_INTERRUPT_ERROR)))
			block_interrupt(a, block_get32(a, EX_INTERRUPT));
	}
	run_end(p->run);
	block_unlock(a);
}

static void work(struct block *a)
{
	struct nlb *n = a->state;
	int64_t begin = clock_now_ns();
	struct job job;
	struct pass p = { .run = &n->exerciser.run, .job = &job };
	bool begun;

	block_lock(a);
	job = n->job;
	begun = run_begin(p.run);
	block_unlock(a);
	if (!begun)
		return;
	publish(a, &p, job.lines);
	if (EX_CFG_MODE(job.cfg))
		p.error = EX_ERROR_MODE;
	do
		copy_once(a, &p);
	while ((job.cfg & EX_CFG_CONTINUOUS) && job.lines && !p.error && run_goes_on(a, p.run));
	finish(a, &p, (uint64_t)(clock_now_ns() - begin) / EX_CLOCK_NS);
}

const struct block_ops afu_nlb0 = {
	.name = "nlb0",
	.help = "NLB0, the native loopback: copies lines of memory",
	.guid_high = UINT64_C(0xD8424DC4A4A3C413),
	.guid_low = UINT64_C(0xF89E433683F9040B),
	.state_size = sizeof(struct nlb),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = exerciser_written,
	.look = exerciser_look,
	.has_work = exerciser_has_work,
	.work = work,
};
