/* SPDX-License-Identifier: BSD-3-Clause */
/* The loopback AFU alone: registers and runs, its card played by this file. */
#include <errno.h>
#include <string.h>

#include "emu/board.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-card.h"

FAKE_CARD_RIGS(&afu_nlb0)

static void start(uint32_t lines, uint32_t cfg)
{
	put(0x110, 0x8000, 8);
	put(0x138, 0, 4);
	put(0x138, 1, 4);
	put(0x120, 0x0 >> 6, 8);
	put(0x128, 0x4000 >> 6, 8);
	put(0x130, lines, 4);
	put(0x140, cfg, 4);
	put(0x138, 3, 4);
}

static uint32_t status(unsigned int word)
{
	uint32_t v;

	memcpy(&v, memory + 0x8040 + 4 * word, 4);
	return v;
}

static void a_run(void **state)
{
	(void)state;
	memset(memory, 0xab, 128);
	start(2, 0);
	assert_true(afu_nlb0.has_work(&afu));
	afu_nlb0.work(&afu);
	assert_false(afu_nlb0.has_work(&afu));
	assert_int_equal(memory[0x4000 + 127], 0xab);
	assert_int_equal(memory[0x4000 + 128], 0);
	assert_int_equal(status(0), 3); /* complete, first */
	assert_int_equal(status(1), 0);
	assert_int_equal(status(4), 2);
	assert_int_equal(status(5), 2);
	assert_int_equal(block_get64(&afu, 0x160), UINT64_C(2) << 32 | 2);
	assert_int_equal(block_get64(&afu, 0x168), 0);
	assert_int_equal(interrupts, 0);
	start(2, 0);
	afu_nlb0.work(&afu);
	assert_int_equal(status(0), 5);
}

static void the_same_control_twice_is_one_start(void **state)
{
	(void)state;
	start(1, 0);
	afu_nlb0.work(&afu);
	put(0x138, 3, 4);
	assert_false(afu_nlb0.has_work(&afu));
	put(0x138, 7, 4);
	put(0x138, 1, 4);
	put(0x138, 3, 4);
	assert_true(afu_nlb0.has_work(&afu));
}

/* Mapped: 7, 0, 1, 3 may be seen as 3 after 3 alone, and is a start nevertheless. */
static void stores_that_were_not_seen_in_between(void **state)
{
	(void)state;
	start(1, 0);
	afu_nlb0.work(&afu);
	assert_false(afu_nlb0.look(&afu));
	block_put32(&afu, 0x138, 7);
	block_put32(&afu, 0x138, 0);
	block_put32(&afu, 0x138, 3);
	assert_true(afu_nlb0.look(&afu));
	assert_true(afu_nlb0.has_work(&afu));
}

static void errors_are_told(void **state)
{
	(void)state;
	put(0x150, 2, 4);
	put(0x138, 1, 4);
	start((uint32_t)(sizeof(memory) / 64), 1u << 28);
	afu_nlb0.work(&afu);
	assert_int_equal(status(1), 1);
	assert_int_equal(block_get64(&afu, 0x170), 1);
	assert_int_equal(interrupts, 1);
	assert_int_equal(last_vector, 2);
	start(1, 1u << 2); /* a mode that NLB0 does not have */
	afu_nlb0.work(&afu);
	assert_int_equal(status(1), 2);
	put(0x138, 0, 4);
	assert_int_equal(block_get64(&afu, 0x170), 0);
}

static void a_cancelled_run_leaves_no_trace(void **state)
{
	(void)state;
	start(1, 1u << 29);
	dma_result = -ECANCELED;
	afu_nlb0.work(&afu);
	dma_result = 0;
	assert_int_equal(status(0), 0);
	assert_int_equal(interrupts, 0);
	start(1, 1u << 29);
	afu_nlb0.work(&afu);
	assert_int_equal(interrupts, 1);
}

static void no_lines_is_a_run_too(void **state)
{
	(void)state;
	start(0, 2); /* continuous, over nothing */
	afu_nlb0.work(&afu);
	assert_int_equal(status(0) & 1, 1);
	assert_int_equal(status(4), 0);
}

static void which_registers_can_be_written(void **state)
{
	(void)state;
	put(0x108, UINT64_MAX, 8);
	put(0x100, 7, 4);
	put(0x104, 8, 4);
	assert_int_equal(block_get64(&afu, 0x108), UINT64_MAX);
	assert_int_equal(block_get64(&afu, 0x100), UINT64_C(8) << 32 | 7);
	put(0x130, UINT32_MAX, 4);
	assert_int_equal(block_get32(&afu, 0x130), 0xfffff);
	put(0x110, 0x12345, 4);
	put(0x114, 1, 4);
	assert_int_equal(block_get64(&afu, 0x110), 0x100012340);
	put(0x178, 0xff, 4);
	assert_int_equal(block_get32(&afu, 0x178), 0x3f);
	put(0x160, 1, 8);
	put(0x8, 1, 8);
	put(0x18, 1, 8);
	put(0x200, 1, 8);
	assert_int_equal(block_get64(&afu, 0x160), 0);
	assert_int_equal(block_get64(&afu, 0x8), 0xF89E433683F9040B);
	assert_int_equal(block_get64(&afu, 0x18) + block_get64(&afu, 0x200), 0);
	put(0x120, 5, 8); /* only while out of reset and not started */
	assert_int_equal(block_get64(&afu, 0x120), 0);
	put(0x138, 1, 4);
	put(0x120, 5, 8);
	assert_int_equal(block_get64(&afu, 0x120), 5);
	put(0x13c, 3, 4); /* the other half of the control register's eight bytes */
	assert_int_equal(block_get32(&afu, 0x138), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_run),
		MAPPED(a_run),
		RIGGED(the_same_control_twice_is_one_start),
		MAPPED(stores_that_were_not_seen_in_between),
		RIGGED(errors_are_told),
		RIGGED(a_cancelled_run_leaves_no_trace),
		MAPPED(a_cancelled_run_leaves_no_trace),
		RIGGED(no_lines_is_a_run_too),
		RIGGED(which_registers_can_be_written),
	};

	return RUN(tests);
}
