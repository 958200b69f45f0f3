/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An accelerator to measure with: see afu-bench.h. Page 0 (identity, flag, job) is always trapped; page 1 is
 * mapped when the card maps: scratch registers, and a doorbell that the card echoes.
 */
#include "emu/afu-bench.h"

#include <string.h>

#include "base/clock.h"
#include "emu/block.h"

#define PAGE_0_END 0x1000
#define SLEEP_SLICE NS_PER_MS /* between two looks at whether to go on */

struct bench {
	uint64_t seen;
	int64_t flag_due; /* 0: none */
	bool job;
};

static void reset(struct block *a)
{
	struct bench *b = a->state;

	memset(a->regs, 0, PAGE_0_END);
	block_put_identity(a);
	*b = (struct bench){ 0 };
}

static bool look(struct block *a)
{
	struct bench *b = a->state;
	uint64_t rung = block_get64(a, BENCH_DOORBELL);

	if (rung == b->seen)
		return false;
	b->seen = rung;
	block_put64(a, BENCH_COUNT, block_get64(a, BENCH_COUNT) + 1);
	block_put64(a, BENCH_ECHO, rung);
	return true;
}

static bool writable(uint64_t reg)
{
	return reg == BENCH_SCRATCH || (reg >= BENCH_FLAG_AT && reg <= BENCH_JOB) ||
	       (reg >= BENCH_SCRATCHES && reg < BENCH_SCRATCHES_END) || reg == BENCH_DOORBELL;
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7);
	struct bench *b = a->state;

	if (!writable(reg))
		return;
	block_store(a, offset, value, bytes);
	if (reg == BENCH_FLAG_AFTER)
		b->flag_due = clock_now_ns() +
			      (int64_t)(value < BENCH_MAX_AFTER ? value : BENCH_MAX_AFTER) * NS_PER_US;
	b->job = b->job || reg == BENCH_JOB;
	look(a);
}

static bool has_work(struct block *a)
{
	const struct bench *b = a->state;

	return b->job || b->flag_due;
}

/* ---- on the engine thread; what cannot be reached by DMA is left out ---- */

static void do_job(struct block *a, uint64_t in, uint64_t out, uint64_t number)
{
	uint64_t words[BENCH_JOB_WORDS];

	if (block_dma_read(a, in, words, sizeof(words)))
		return;
	for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
		words[i] += number;
	if (block_dma_write(a, out, words, sizeof(words)))
		return;
	block_dma_barrier();
	if (block_dma_write(a, out + sizeof(words), &number, sizeof(number)))
		return;
	block_dma_barrier();
	block_put64(a, BENCH_DONE, number);
}

static void do_flag(struct block *a, uint64_t at, int64_t due)
{
	int64_t left;
	uint64_t now;

	while ((left = due - clock_now_ns()) > 0 && block_may_work(a))
		clock_sleep_ns(left < SLEEP_SLICE ? left : SLEEP_SLICE);
	now = (uint64_t)clock_now_ns();
	if (left <= 0)
		(void)block_dma_write(a, at, &now, sizeof(now));
}

static void work(struct block *a)
{
	uint64_t at, in, out, number;
	struct bench *b = a->state, due;

	block_lock(a);
	due = *b;
	b->job = false;
	b->flag_due = 0;
	at = block_get64(a, BENCH_FLAG_AT);
	in = block_get64(a, BENCH_JOB_IN);
	out = block_get64(a, BENCH_JOB_OUT);
	number = block_get64(a, BENCH_JOB);
	block_unlock(a);
	if (due.job)
		do_job(a, in, out, number);
	if (due.flag_due)
		do_flag(a, at, due.flag_due);
}

const struct block_ops afu_bench = {
	.name = "bench",
	.help = "to measure with: scratch registers at 0x1000 and a doorbell at 0x1200",
	.guid_high = UINT64_C(0xb2f3a1c45d6e4f70),
	.guid_low = UINT64_C(0x8a91bc0de1f23345),
	.state_size = sizeof(struct bench),
	.map_offset = 0x1000,
	.map_size = 0x1000,
	.reset = reset,
	.written = written,
	.look = look,
	.has_work = has_work,
	.work = work,
};
