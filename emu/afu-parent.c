/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An accelerator with several ports: it works through others, its children, which a version 1
 * header declares by GUID. It has no engine of its own, only a scratch register.
 */
#include "emu/block.h"
#include "emu/dfl.h"

#define NUM_CHILDREN 2u
#define PARAM_CHILDREN 2u
#define CSRS 0x100u
#define SCRATCH 0x100u
#define CSR_BYTES 0x100u

static const struct {
	uint64_t high, low;
} nlb0 = { UINT64_C(0xD8424DC4A4A3C413), UINT64_C(0xF89E433683F9040B) };

static void reset(struct block *b)
{
	block_put64(b, 0x00, dfh(DFH_AFU, 0, 0) | DFH_V1);
	block_put64(b, 0x08, b->ops->guid_low);
	block_put64(b, 0x10, b->ops->guid_high);
	block_put64(b, DFH_V1_CSR, (uint64_t)CSRS << 1);
	block_put64(b, DFH_V1_GROUP, (uint64_t)CSR_BYTES << 32 | DFH_V1_HAS_PARAMS);
	block_put64(b, DFH_V1_PARAMS, DFH_PARAM(PARAM_CHILDREN, 1 + 2 * NUM_CHILDREN, 1));
	for (unsigned int i = 0; i < NUM_CHILDREN; i++) {
		block_put64(b, DFH_V1_PARAMS + 8 + 16 * i, nlb0.low);
		block_put64(b, DFH_V1_PARAMS + 16 + 16 * i, nlb0.high);
	}
	block_put64(b, SCRATCH, 0);
}

static void written(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes)
{
	if ((offset & ~UINT64_C(7)) == SCRATCH)
		block_store(b, offset, value, bytes);
}

const struct block_ops afu_parent = {
	.name = "parent",
	.help = "an accelerator that declares two NLB0 as its children; scratch register at 0x100",
	.guid_high = UINT64_C(0x6f1c20d3a5b84e17),
	.guid_low = UINT64_C(0x8d02bb34c1f0e95a),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
};
