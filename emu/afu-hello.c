/* SPDX-License-Identifier: BSD-3-Clause */
/* hello_afu: who it is, and one scratch register. */
#include "emu/block.h"

#define SCRATCH 0x80

static void reset(struct block *a)
{
	block_put_identity(a);
	block_put64(a, SCRATCH, 0);
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	if ((offset & ~UINT64_C(7)) == SCRATCH)
		block_store(a, offset, value, bytes);
}

const struct block_ops afu_hello = {
	.name = "hello",
	.help = "hello_afu: an identity and a 64-bit scratch register at 0x80",
	.guid_high = UINT64_C(0x850ADCC26CEB4B22),
	.guid_low = UINT64_C(0x9722D43375B61C66),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
};
