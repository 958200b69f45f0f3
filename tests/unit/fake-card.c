/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-card.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

struct block afu;
uint8_t memory[1 << 20];
int dma_result;
unsigned int dma_count;
void (*before_dma)(void);
bool may_work;
unsigned int interrupts, last_vector;

static uint64_t regs[0x8000 / 8];
static bool locked;

void block_lock(struct block *b)
{
	(void)b;
	assert_false(locked);
	locked = true;
}

void block_unlock(struct block *b)
{
	(void)b;
	assert_true(locked);
	locked = false;
}

static int access_to(uint64_t at, size_t len)
{
	if (dma_result)
		return dma_result;
	return len <= sizeof(memory) && at <= sizeof(memory) - len ? 0 : -EFAULT;
}

static void begin_dma(void)
{
	assert_false(locked); /* it may wait for the client, which may wait for a register */
	dma_count++;
	if (before_dma)
		before_dma();
}

int block_dma_copy(struct block *b, uint64_t dst, uint64_t src, size_t len)
{
	int rc;

	(void)b;
	begin_dma();
	rc = access_to(dst, len);
	if (!rc)
		rc = access_to(src, len);
	if (!rc)
		memmove(memory + dst, memory + src, len);
	return rc;
}

int block_dma_read(struct block *b, uint64_t iova, void *data, size_t len)
{
	int rc;

	(void)b;
	begin_dma();
	rc = access_to(iova, len);
	if (!rc)
		memcpy(data, memory + iova, len);
	return rc;
}

int block_dma_write(struct block *b, uint64_t iova, const void *data, size_t len)
{
	int rc;

	(void)b;
	begin_dma();
	rc = access_to(iova, len);
	if (!rc)
		memcpy(memory + iova, data, len);
	return rc;
}

int block_dma_atomic(struct block *b, uint64_t iova, enum vu_atomic_op op, unsigned int bytes,
		     uint64_t operand, uint64_t compare, uint64_t *old)
{
	uint64_t v = 0;
	int rc;

	(void)b;
	begin_dma();
	assert_true((bytes == 4 || bytes == 8) && iova % bytes == 0);
	rc = access_to(iova, bytes);
	if (rc)
		return rc;
	memcpy(&v, memory + iova, bytes);
	*old = v;
	if (bytes == 4)
		compare &= UINT32_MAX;
	if (op == VU_FETCH_ADD)
		v += operand;
	else if (op == VU_SWAP || v == compare)
		v = operand;
	memcpy(memory + iova, &v, bytes);
	return 0;
}

bool block_may_work(const struct block *b)
{
	(void)b;
	return may_work;
}

void block_interrupt(struct block *b, uint32_t n)
{
	(void)b;
	interrupts++;
	last_vector = n;
}

void fake_card_up(const struct block_ops *ops, bool mapped)
{
	afu = (struct block){ .ops = ops, .regs = (uint8_t *)regs, .size = sizeof(regs),
			      .mapped = mapped, .num_vectors = 4,
			      .state = calloc(1, ops->state_size) };
	memset(regs, 0, sizeof(regs));
	memset(memory, 0, sizeof(memory));
	dma_result = 0;
	dma_count = interrupts = 0;
	before_dma = NULL;
	may_work = true;
	assert_non_null(afu.state);
	ops->reset(&afu);
}

void fake_card_down(void)
{
	free(afu.state);
}

void put(uint64_t offset, uint64_t v, unsigned int bytes)
{
	if (!afu.mapped) {
		afu.ops->written(&afu, offset, v, bytes);
		return;
	}
	block_store(&afu, offset, v, bytes);
	afu.ops->look(&afu);
}

uint64_t get(uint64_t offset)
{
	return block_get64(&afu, offset);
}

uint64_t peek64(uint64_t address)
{
	uint64_t v;

	memcpy(&v, memory + address, sizeof(v));
	return v;
}

void poke64(uint64_t address, uint64_t v)
{
	memcpy(memory + address, &v, sizeof(v));
}
