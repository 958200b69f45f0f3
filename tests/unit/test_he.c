/* SPDX-License-Identifier: BSD-3-Clause */
/* The host exercisers alone: registers, modes, atomics, errors, runs that are ended early. */
#include <errno.h>
#include <string.h>

#include "emu/board.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-card.h"

#define SRC 0x0000u
#define DST 0x40000u
#define DSM 0x80000u
#define LINE 64u

#define CTL 0x138
#define STATUS0 0x160
#define STATUS1 0x168
#define SWTEST 0x158
#define ERROR 0x170
#define INFO0 0x180

#define CONTINUOUS 0x2u
#define READ_MODE (1u << 2)
#define WRITE_MODE (2u << 2)
#define THROUGHPUT (3u << 2)
#define LENGTH(log2) (((log2)&3u) << 5 | (log2) >> 2 << 30)
#define ATOMIC(bits) ((bits) << 7)
#define INTERLEAVE(n) ((uint32_t)(n) << 20)
#define ON_ERROR (1u << 28)
#define ON_END (1u << 29)

FAKE_CARD_RIGS(&afu_he_lb)

static int up_mem(void **state)
{
	(void)state;
	fake_card_up(&afu_he_mem, false);
	return 0;
}

static int up_mem_mapped(void **state)
{
	(void)state;
	fake_card_up(&afu_he_mem, true);
	return 0;
}

static void arm(uint32_t lines, uint32_t cfg)
{
	memset(memory + DSM, 0, LINE);
	put(CTL, 0, 4);
	put(CTL, 1, 4);
	put(0x110, DSM / LINE, 4);
	put(0x114, 0, 4);
	put(0x120, SRC / LINE, 8);
	put(0x128, DST / LINE, 8);
	put(0x130, lines - 1, 8);
	put(0x140, cfg, 8);
	put(CTL, 3, 4);
}

static void run(uint32_t lines, uint32_t cfg)
{
	arm(lines, cfg);
	assert_true(afu.ops->has_work(&afu));
	afu.ops->work(&afu);
	assert_false(afu.ops->has_work(&afu));
}

static uint32_t dsm(unsigned int word)
{
	uint32_t v;

	memcpy(&v, memory + DSM + 4 * word, 4);
	return v;
}

static void fill_source(void)
{
	for (size_t i = 0; i < DST; i++)
		memory[i] = (uint8_t)(i * 7 + (i >> 6));
}

static void ended_well(uint64_t reads, uint64_t writes)
{
	assert_int_equal(dsm(0) & 1, 1);
	assert_int_equal(dsm(1), 0);
	assert_int_equal(dsm(4), reads);
	assert_int_equal(dsm(5), writes);
	assert_int_equal(get(STATUS0), reads << 32 | (writes + 1)); /* and the line itself */
	assert_int_equal(get(STATUS1), 0);
	assert_int_equal(get(ERROR), 0);
	assert_int_equal(get(SWTEST), 0);
}

/* ---- modes ---- */

static void loopback_of_every_length(void **state)
{
	(void)state;
	for (uint32_t log2 = 0; log2 <= 4; log2++) {
		fill_source();
		memset(memory + DST, 0, 0x20000);
		run(1040, LENGTH(log2)); /* more than local memory has */
		ended_well(1040, 1040);
		assert_int_equal(dsm(0) >> 1, log2 + 1); /* which run it was */
		assert_memory_equal(memory + SRC, memory + DST, 1040 * LINE);
		assert_int_equal(memory[DST + 1040 * LINE], 0);
	}
	assert_int_equal(interrupts, 0);
}

static void reads_only(void **state)
{
	(void)state;
	fill_source();
	run(1024, READ_MODE | LENGTH(4));
	ended_well(1024, 0);
	for (size_t i = 0; i < 1024 * LINE; i++)
		assert_int_equal(memory[DST + i], 0);
}

static void writes_only(void **state)
{
	(void)state;
	run(1030, WRITE_MODE | LENGTH(1));
	ended_well(0, 1030);
	for (uint64_t i = 0; i < 1030 * LINE / 8; i++)
		assert_int_equal(peek64(DST + 8 * i), i / 8);
	assert_int_equal(peek64(DST + 1030 * LINE), 0);
}

static void throughput(void **state)
{
	(void)state;
	run(48, THROUGHPUT | LENGTH(4));
	ended_well(48, 48);
	assert_int_equal(peek64(DST + 47 * LINE), 47);
}

/* How many reads go before the first write is seen when that fails. */
static void interleave(void **state)
{
	(void)state;
	for (uint32_t n = 0; n <= 2; n++) {
		arm(64, THROUGHPUT | LENGTH(1) | INTERLEAVE(n));
		put(CTL, 1, 4);
		put(0x128, sizeof(memory) / LINE, 8);
		put(CTL, 0, 4);
		put(CTL, 1, 4);
		put(CTL, 3, 4);
		afu.ops->work(&afu);
		assert_int_equal(dsm(1), 1);
		assert_int_equal(dsm(4), 2u << n);
		assert_int_equal(dsm(5), 0);
	}
	run(64, THROUGHPUT | INTERLEAVE(3));
	assert_int_equal(dsm(1), 0x20);
}

static void delays_change_no_data(void **state)
{
	(void)state;
	fill_source();
	run(64, 1 | LENGTH(2));
	ended_well(64, 64);
	assert_memory_equal(memory + SRC, memory + DST, 64 * LINE);
	assert_true(dma_count >= 16 + 2); /* each request alone, or the delays would be for nothing */
}

static void which_card_it_is(void **state)
{
	uint64_t info = get(INFO0), mem = afu.ops == &afu_he_mem;

	(void)state;
	assert_int_equal(get(0), UINT64_C(0x1000010000000000));
	assert_int_equal(get(8), mem ? 0xBB652A578330A8EB : 0xB94B12284C31E02B);
	assert_int_equal(get(16), mem ? 0x8568AB4E6BA54616 : 0x56E203E9864F49A7);
	assert_int_equal(info & 0xffff, 200);
	assert_int_equal(info >> 16 & 0xff, 4);
	assert_int_equal(info >> 24 & 1, 0); /* there are atomics */
	assert_int_equal(32u << (info >> 25 & 3), LINE);
	assert_int_equal(info >> 27, mem ? 4 : 0);
}

static uint64_t seen_pending;

static void look_at_pending(void)
{
	if (dma_count == 4) /* two of each have been done by local memory, one by none */
		seen_pending = get(STATUS1);
}

static void pending_transfers(void **state)
{
	bool mem = afu.ops == &afu_he_mem;
	uint64_t left = mem ? 1024 : 0;

	(void)state;
	before_dma = look_at_pending;
	seen_pending = UINT64_MAX;
	run(2048, mem ? 0 : LENGTH(4) | 1);
	if (!mem)
		left = 2048 - 3 * 16;
	assert_int_equal(seen_pending, mem ? left << 48 | left << 32 | left << 16 | left :
					     left << 16 | left);
}

/* ---- atomics ---- */

#define FETCH_ADD_4 0x1u
#define FETCH_ADD_8 0x3u
#define SWAP_4 0x5u
#define SWAP_8 0x7u
#define CAS_4 0x9u
#define CAS_8 0xbu

static uint64_t changed(uint32_t function, uint64_t was, uint64_t i)
{
	uint64_t low = was & UINT32_MAX, high = was & ~(uint64_t)UINT32_MAX;

	switch (function) {
	case FETCH_ADD_4: return high | ((low + i) & UINT32_MAX);
	case FETCH_ADD_8: return was + i;
	case SWAP_4: return high | i;
	case SWAP_8: return i;
	case CAS_4: return low == i ? high | (~i & UINT32_MAX) : was;
	default: return was == i ? ~i : was;
	}
}

static void atomics_of_every_kind(void **state)
{
	static const uint32_t functions[] = { FETCH_ADD_4, FETCH_ADD_8, SWAP_4,
					      SWAP_8,	   CAS_4,	CAS_8 };
	static uint64_t was[32];

	(void)state;
	for (size_t f = 0; f < sizeof(functions) / sizeof(functions[0]); f++) {
		bool wide = functions[f] & 2;

		fill_source();
		memset(memory + DST, 0, 32 * LINE);
		for (uint64_t i = 0; i < 32; i++) {
			if (i % 3 == 0) /* these are equal to what a compare compares with */
				poke64(SRC + i * LINE, wide ? i : i | UINT64_C(0x99) << 32);
			was[i] = peek64(SRC + i * LINE);
		}
		run(32, ATOMIC(functions[f]));
		ended_well(32, 32);
		for (uint64_t i = 0; i < 32; i++) {
			assert_int_equal(peek64(SRC + i * LINE), changed(functions[f], was[i], i));
			assert_int_equal(peek64(DST + i * LINE), wide ? was[i] : was[i] & UINT32_MAX);
			assert_int_equal(memory[SRC + i * LINE + 8], (uint8_t)((i * LINE + 8) * 7 + i));
			assert_int_equal(peek64(DST + i * LINE + 8), 0);
		}
	}
}

/* ---- errors ---- */

static void fails(uint32_t lines, uint32_t cfg, uint32_t error)
{
	unsigned int before = interrupts;

	run(lines, cfg | ON_ERROR);
	assert_int_equal(dsm(0) & 1, 1);
	assert_int_equal(dsm(1), error);
	assert_int_equal(get(ERROR), error);
	assert_int_equal(get(SWTEST), error);
	assert_int_equal(dsm(4) + dsm(5), 0);
	assert_int_equal(interrupts, before + 1);
}

static void errors_are_told(void **state)
{
	(void)state;
	put(0x150, 2u << 16, 4);
	fails(16, 4u << 2, 0x2);	/* modes */
	fails(16, 7u << 2, 0x2);
	fails(32, LENGTH(5), 0x4);	/* lengths */
	fails(32, LENGTH(7), 0x4);
	fails(24, LENGTH(4), 0x8);	/* lines that no number of requests makes */
	fails(1, LENGTH(1), 0x8);
	fails(16, ATOMIC(SWAP_8) | READ_MODE, 0x10);
	fails(16, ATOMIC(SWAP_8) | LENGTH(1), 0x10);
	fails(16, ATOMIC(0xdu), 0x10);	/* a fourth function */
	fails(16, 4u << 2 | LENGTH(6) | INTERLEAVE(7), 0x26);
	assert_int_equal(last_vector, 2);
	run(16, 0); /* and then all is well */
	ended_well(16, 16);
	put(CTL, 0, 4);
	assert_int_equal(get(STATUS0) | get(ERROR), 0);
}

static void faults_are_told(void **state)
{
	static const uint32_t modes[] = { 0, READ_MODE, WRITE_MODE, THROUGHPUT, ATOMIC(FETCH_ADD_8),
					  CONTINUOUS };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint32_t lines = (uint32_t)sizeof(memory) / LINE + 16; /* past the end of memory */

		arm(lines, modes[i]);
		put(CTL, 0, 4);
		put(CTL, 1, 4);
		put(0x120, (sizeof(memory) - LINE) / LINE, 8);
		put(0x128, (sizeof(memory) - LINE) / LINE, 8);
		put(CTL, 3, 4);
		afu.ops->work(&afu);
		assert_int_equal(dsm(1), 1);
		assert_int_equal(get(ERROR), 1);
	}
	assert_int_equal(interrupts, 0); /* nobody asked for one */
}

/* The place where the line failed is in the status line. */
static void the_line_that_failed(void **state)
{
	(void)state;
	arm(32, ATOMIC(FETCH_ADD_4));
	put(CTL, 0, 4);
	put(CTL, 1, 4);
	put(0x120, (sizeof(memory) - 5 * LINE) / LINE, 8);
	put(CTL, 3, 4);
	afu.ops->work(&afu);
	assert_int_equal(dsm(1), 1);
	assert_int_equal(dsm(8), 5);
	assert_int_equal(dsm(4), 5);
}

static void no_place_for_the_status_line(void **state)
{
	(void)state;
	arm(4, ON_ERROR);
	put(CTL, 0, 4);
	put(0x110, UINT32_MAX, 4);
	put(0x114, 3, 4);
	put(CTL, 1, 4);
	put(CTL, 3, 4);
	afu.ops->work(&afu);
	assert_int_equal(get(ERROR), 1);
	assert_int_equal(interrupts, 1);
}

/* ---- interrupts ---- */

static void interrupt_at_the_end(void **state)
{
	(void)state;
	put(0x150, 3u << 16 | 1, 4);
	run(4, ON_END);
	assert_int_equal(interrupts, 1);
	assert_int_equal(last_vector, 3);
	run(4, ON_ERROR);
	assert_int_equal(interrupts, 1);
}

/* ---- ends that come early ---- */

static void stop_soon(void)
{
	if (dma_count == 40)
		put(CTL, 5, 4);
}

static void continuous_until_it_is_stopped(void **state)
{
	static const uint32_t modes[] = { 0, READ_MODE, WRITE_MODE, THROUGHPUT, ATOMIC(SWAP_4) };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		dma_count = 0;
		before_dma = stop_soon;
		put(0x150, 0, 4);
		run(4, modes[i] | CONTINUOUS | ON_END);
		before_dma = NULL;
		assert_int_equal(dsm(0) & 1, 1);
		assert_int_equal(dsm(1), 0);
		assert_true(dsm(4) + dsm(5) >= 4);
		assert_int_equal(interrupts, i + 1);
		assert_true(dma_count < 50);
	}
}

static void reset_soon(void)
{
	if (dma_count == 40)
		put(CTL, 0, 4);
}

static void a_reset_forgets_the_run(void **state)
{
	(void)state;
	before_dma = reset_soon;
	run(4, CONTINUOUS | ON_END);
	before_dma = NULL;
	assert_int_equal(dsm(0), 0);
	assert_int_equal(interrupts, 0);
	assert_true(dma_count <= 41);
	run(4, 0);
	ended_well(4, 4);
}

static void start_anew(void)
{
	if (dma_count == 40)
		arm(8, ON_END);
}

/* The program does not wait for the old run to wind down: the new one is not lost. */
static void a_start_after_a_reset_in_mid_run(void **state)
{
	(void)state;
	before_dma = start_anew;
	arm(4, CONTINUOUS | ON_END);
	afu.ops->work(&afu);
	before_dma = NULL;
	assert_int_equal(interrupts, 0);
	assert_true(afu.ops->has_work(&afu));
	afu.ops->work(&afu);
	ended_well(8, 8);
	assert_int_equal(interrupts, 1);
}

static unsigned int last_dma;

static void start_at_the_end(void)
{
	if (dma_count == last_dma) { /* of the word that a program polls */
		assert_int_equal(get(STATUS0), UINT64_C(4) << 32 | 5);
		put(CTL, 1, 4);
		put(CTL, 3, 4);
	}
}

/* The program saw the end and starts anew, before the engine is through with the old run. */
static void a_start_as_soon_as_the_end_is_seen(void **state)
{
	(void)state;
	run(4, 0);
	last_dma = 2 * dma_count;
	before_dma = start_at_the_end;
	arm(4, 0);
	afu.ops->work(&afu);
	before_dma = NULL;
	assert_true(afu.ops->has_work(&afu));
	afu.ops->work(&afu);
	ended_well(4, 4);
	assert_int_equal(dsm(0) >> 1, 3);
}

static void leave_soon(void)
{
	if (dma_count == 40)
		dma_result = -ENOTCONN;
}

static void a_client_that_leaves(void **state)
{
	(void)state;
	before_dma = leave_soon;
	run(4, CONTINUOUS | ON_END);
	assert_int_equal(dsm(0), 0);
	assert_int_equal(interrupts, 0);
	assert_int_equal(dma_count, 40);
}

static void a_card_that_is_reset(void **state)
{
	(void)state;
	may_work = false;
	run(4, CONTINUOUS | ON_END);
	assert_int_equal(dsm(0), 0);
	assert_int_equal(dma_count, 0);
}

static void which_registers_can_be_written(void **state)
{
	(void)state;
	put(0x110, UINT32_MAX, 4); /* no bit is a byte of a line here */
	put(0x114, 7, 4);
	assert_int_equal(get(0x110), 0x7ffffffff);
	put(0x130, UINT64_MAX, 8);
	assert_int_equal(get(0x130), 0xfffff);
	put(INFO0, 0, 8);
	assert_true(get(INFO0) != 0);
	put(STATUS0, 9, 8);
	assert_int_equal(get(STATUS0), 0);
	put(0x140, 4, 8); /* not while it is held in reset, not while it runs */
	assert_int_equal(get(0x140), 0);
	arm(4, READ_MODE);
	put(0x140, 0, 8);
	assert_int_equal(get(0x140), READ_MODE);
	afu.ops->work(&afu);
}

#define MEM(t) cmocka_unit_test_setup_teardown(t, up_mem, down)
#define MEM_MAPPED(t) cmocka_unit_test_setup_teardown(t, up_mem_mapped, down)
#define ALL(t) RIGGED(t), MAPPED(t), MEM(t), MEM_MAPPED(t)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(loopback_of_every_length), ALL(reads_only), ALL(writes_only), ALL(throughput),
		BOTH(interleave), ALL(delays_change_no_data), ALL(which_card_it_is),
		RIGGED(pending_transfers), MEM(pending_transfers), ALL(atomics_of_every_kind),
		ALL(errors_are_told), ALL(faults_are_told), BOTH(the_line_that_failed),
		BOTH(no_place_for_the_status_line), BOTH(interrupt_at_the_end),
		ALL(continuous_until_it_is_stopped), ALL(a_reset_forgets_the_run),
		ALL(a_start_after_a_reset_in_mid_run), ALL(a_start_as_soon_as_the_end_is_seen),
		BOTH(a_client_that_leaves),
		BOTH(a_card_that_is_reset), RIGGED(which_registers_can_be_written),
	};

	return RUN(tests);
}
