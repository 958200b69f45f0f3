/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An accelerator to measure with. Page 0 (identity, a scratch register) is always trapped; page 1 is
 * mapped when the card maps: 64 scratch registers, and a doorbell that the card echoes.
 */
#include "emu/block.h"

#define TRAPPED_SCRATCH 0x80
#define SCRATCH 0x1000
#define SCRATCH_END 0x1200
#define DOORBELL 0x1200
#define ECHO 0x1208  /* the doorbell's value, once the card has seen it */
#define COUNT 0x1210 /* how many doorbells it has seen */

struct bench {
	uint64_t seen;
};

static void reset(struct block *a)
{
	struct bench *b = a->state;

	block_put_identity(a);
	b->seen = 0;
}

static bool look(struct block *a)
{
	struct bench *b = a->state;
	uint64_t rung = block_get64(a, DOORBELL);

	if (rung == b->seen)
		return false;
	b->seen = rung;
	block_put64(a, COUNT, block_get64(a, COUNT) + 1);
	block_put64(a, ECHO, rung);
	return true;
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7);

	if (reg != TRAPPED_SCRATCH && !(reg >= SCRATCH && reg < SCRATCH_END) && reg != DOORBELL)
		return;
	block_store(a, offset, value, bytes);
	look(a);
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
};
