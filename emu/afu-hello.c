/* SPDX-License-Identifier: BSD-3-Clause */
/* hello_afu: who it is, and one scratch register. */
#include "emu/afu.h"

#define SCRATCH 0x80

static void reset(struct afu *a)
{
	afu_put_identity(a, UINT64_C(0x850ADCC26CEB4B22), UINT64_C(0x9722D43375B61C66));
	afu_put64(a, SCRATCH, 0);
}

static void written(struct afu *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	if ((offset & ~UINT64_C(7)) == SCRATCH)
		afu_store(a, offset, value, bytes);
}

const struct afu_ops afu_hello = {
	.name = "hello",
	.help = "hello_afu: an identity and a 64-bit scratch register at 0x80",
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
};
