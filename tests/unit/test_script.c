/* SPDX-License-Identifier: BSD-3-Clause */
/* The script accelerator alone: every instruction, what each refuses, order, ends that come early. */
#include <errno.h>
#include <string.h>

#include "emu/afu-script.h"
#include "emu/board.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-card.h"

#define DATA 0x1000u
#define OTHER 0x2000u
#define PROGRAM 0x80000u
#define OUTSIDE ((uint64_t)sizeof(memory))

FAKE_CARD_RIGS(&afu_script)

static void store_window(const struct script_insn *p, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int w = 0; w < 4; w++)
			put(SCRIPT_WINDOW + i * sizeof(*p) + 8 * w, script_word(&p[i], w), 8);
	put(SCRIPT_COUNT, count, 8);
}

static void work(void)
{
	uint64_t runs = get(SCRIPT_RUNS);

	assert_true(afu.ops->has_work(&afu));
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_RUNNING);
	afu.ops->work(&afu);
	assert_false(afu.ops->has_work(&afu));
	assert_int_equal(get(SCRIPT_RUNS), runs + 1);
}

static void run(const struct script_insn *p, unsigned int count)
{
	store_window(p, count);
	put(SCRIPT_CTL, SCRIPT_START, 4);
	work();
}

static void done(void)
{
	assert_int_equal(get(SCRIPT_ERROR), SCRIPT_OK);
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_DONE);
}

static void failed(enum script_error e, uint64_t pc)
{
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_FAILED);
	assert_int_equal(get(SCRIPT_ERROR), e);
	assert_int_equal(get(SCRIPT_PC), pc);
}

static uint64_t reg(unsigned int r)
{
	return get(SCRIPT_R0 + 8 * r);
}

static struct script_trace traced(unsigned int step)
{
	uint64_t at = SCRIPT_TRACE + 16 * (step % SCRIPT_TRACE_ENTRIES);

	return script_trace(get(at), get(at + 8));
}

#define RUN_THIS(p) run(p, sizeof(p) / sizeof((p)[0]))

/* ---- instructions ---- */

static void writes_and_reads(void **state)
{
	const struct script_insn p[] = {
		script_write64(DATA, UINT64_C(0x1122334455667788)),
		script_write32(DATA + 12, 0xdddddddd),
		script_read64(3, DATA),
		script_read64(7, DATA + 8),
		script_write_register(OTHER, 3),
		script_end(),
		script_write64(DATA, 0), /* behind the end */
	};

	(void)state;
	RUN_THIS(p);
	done();
	assert_int_equal(peek64(DATA), UINT64_C(0x1122334455667788));
	assert_int_equal(reg(3), UINT64_C(0x1122334455667788));
	assert_int_equal(reg(7), UINT64_C(0xdddddddd00000000));
	assert_int_equal(peek64(OTHER), reg(3));
	assert_int_equal(get(SCRIPT_LAST), reg(7));
	assert_int_equal(get(SCRIPT_STEPS), 6);
	assert_int_equal(get(SCRIPT_PC), 5);
}

static void blocks(void **state)
{
	const struct script_insn p[] = {
		script_fill(0x10000, UINT64_C(0x0706050403020100), 0x20003),
		script_copy(0x40000, 0x10001, 0x20000),
		script_copy(DATA, OTHER, 0),
		script_fill(OUTSIDE, 1, 0),
	};

	(void)state;
	RUN_THIS(p);
	done();
	for (uint64_t i = 0; i < 0x20003; i++)
		assert_int_equal(memory[0x10000 + i], i % 8);
	assert_int_equal(memory[0x30003], 0);
	assert_memory_equal(memory + 0x40000, memory + 0x10001, 0x20000);
	assert_int_equal(memory[0x60000], 0);
}

static void counting(void **state)
{
	const struct script_insn p[] = {
		script_fetch_add(1, DATA, 5),
		script_add(2, UINT64_MAX), /* -1 */
		script_loop(0, 9),
		script_fetch_add(4, DATA, 0),
	};

	(void)state;
	poke64(DATA, 1000);
	RUN_THIS(p);
	done();
	assert_int_equal(peek64(DATA), 1050);
	assert_int_equal(reg(1), 1045);
	assert_int_equal(reg(4), 1050);
	assert_int_equal(reg(2), (uint64_t)-10);
	RUN_THIS(p); /* registers and loops begin anew */
	assert_int_equal(peek64(DATA), 1100);
	assert_int_equal(reg(2), (uint64_t)-10);
}

/* Twelve words in three rows of four, by a loop in a loop and a register that moves. */
static void loops_in_loops(void **state)
{
	const struct script_insn p[] = {
		script_indexed(script_write_register(DATA, 1), 0),
		script_add(0, 8),
		script_add(1, 1),
		script_loop(0, 3),
		script_add(0, 32),
		script_loop(0, 2),
	};

	(void)state;
	RUN_THIS(p);
	done();
	for (uint64_t row = 0; row < 3; row++)
		for (uint64_t i = 0; i < 8; i++)
			assert_int_equal(peek64(DATA + row * 64 + i * 8), i < 4 ? row * 4 + i : 0);
}

static void interrupts_of_its_own(void **state)
{
	const struct script_insn p[] = { script_interrupt(2), script_interrupt(3) };
	const struct script_insn beyond[] = { script_interrupt(4) };

	(void)state;
	RUN_THIS(p);
	done();
	assert_int_equal(interrupts, 2);
	assert_int_equal(last_vector, 3);
	RUN_THIS(beyond);
	failed(SCRIPT_ERROR_OPERAND, 0);
	assert_int_equal(interrupts, 2);
}

/* ---- waits ---- */

static void answer_late(void)
{
	if (dma_count == 30)
		poke64(DATA, UINT64_C(0xab00000000000007));
}

static void a_wait_for_memory(void **state)
{
	const struct script_insn p[] = {
		script_wait(DATA, 0xff, 7, 5000000),
		script_write64(OTHER, 1),
	};

	(void)state;
	before_dma = answer_late;
	RUN_THIS(p);
	done();
	assert_int_equal(dma_count, 31);
	assert_int_equal(get(SCRIPT_LAST), UINT64_C(0xab00000000000007));
	assert_int_equal(peek64(OTHER), 1);
}

static void ring_mailbox(void)
{
	put(SCRIPT_MAILBOX0 + 8 * 5, UINT64_C(0x100000002), 8);
}

static void a_wait_for_a_mailbox(void **state)
{
	const struct script_insn p[] = {
		script_write64(OTHER, 1), /* at which the program answers */
		script_wait_mailbox(5, UINT32_MAX, 2, 5000000),
	};

	(void)state;
	before_dma = ring_mailbox;
	RUN_THIS(p);
	done();
	assert_int_equal(get(SCRIPT_LAST), UINT64_C(0x100000002));
}

static void waits_have_an_end(void **state)
{
	const struct script_insn p[] = { script_delay(1), script_wait(DATA, 1, 1, 0) };
	const struct script_insn q[] = { script_wait_mailbox(0, 1, 1, 3000), script_write64(DATA, 1) };

	(void)state;
	RUN_THIS(p);
	failed(SCRIPT_ERROR_TIMEOUT, 1);
	assert_int_equal(dma_count, 1); /* no time, one look */
	RUN_THIS(q);
	failed(SCRIPT_ERROR_TIMEOUT, 0);
	assert_int_equal(peek64(DATA), 0);
}

/* ---- what is refused ---- */

static void operands(void **state)
{
	const struct script_insn rows[] = {
		script_write32(DATA + 2, 0),
		script_write64(DATA + 4, 0),
		script_read64(0, DATA + 1),
		script_write_register(DATA + 4, 0),
		script_fetch_add(0, DATA + 4, 1),
		script_wait(DATA + 4, 0, 0, 0),
		script_wait_mailbox(8, 0, 0, 0),
		script_delay(SCRIPT_MAX_WAIT_US + 1),
		script_wait(DATA, 0, 0, UINT32_MAX),
		script_copy(DATA, OTHER, SCRIPT_MAX_BYTES + 1),
		script_fill(DATA, 0, UINT64_MAX),
		script_loop(1, 1), /* itself */
		script_loop(2, 1),
		script_read64(8, DATA),
		script_indexed(script_read64(0, DATA), 8),
		script_insn((enum script_opcode)(SCRIPT_NUM_OPCODES | 0x10000), DATA, 0, 0),
		{ SCRIPT_END | 0x10000, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script_insn p[] = { script_add(0, 0), rows[i] };
		enum script_error want = SCRIPT_OPCODE(rows[i].op) >= SCRIPT_NUM_OPCODES ?
						 SCRIPT_ERROR_OPCODE : SCRIPT_ERROR_OPERAND;

		RUN_THIS(p);
		failed(want, 1);
		assert_int_equal(dma_count, 0);
		assert_int_equal(traced(1).error, want);
	}
}

static void faults(void **state)
{
	const struct script_insn rows[] = {
		script_write32(OUTSIDE, 0),
		script_write64(OUTSIDE, 0),
		script_write_register(OUTSIDE, 0),
		script_read64(0, OUTSIDE),
		script_copy(OUTSIDE - 8, DATA, 16),
		script_copy(DATA, OUTSIDE - 8, 16),
		script_fill(OUTSIDE - 8, 1, 16),
		script_fetch_add(0, OUTSIDE, 1),
		script_wait(OUTSIDE, 0, 0, 1000),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script_insn p[] = { rows[i], script_write64(DATA, 1) };

		RUN_THIS(p);
		failed(SCRIPT_ERROR_DMA, 0);
		assert_int_equal(peek64(DATA), 0); /* nothing after it */
	}
}

static void programs_that_never_end(void **state)
{
	const struct script_insn p[] = { script_add(0, 1), script_loop(0, UINT64_MAX) };

	(void)state;
	RUN_THIS(p);
	failed(SCRIPT_ERROR_LIMIT, 0); /* at the one that it did not begin */
	assert_int_equal(get(SCRIPT_STEPS), SCRIPT_DEFAULT_LIMIT);
	put(SCRIPT_LIMIT, 101, 8);
	RUN_THIS(p);
	failed(SCRIPT_ERROR_LIMIT, 1);
	assert_int_equal(get(SCRIPT_STEPS), 101);
	assert_int_equal(reg(0), 51);
}

static void counts(void **state)
{
	(void)state;
	run(NULL, 0);
	failed(SCRIPT_ERROR_PROGRAM, 0);
	put(SCRIPT_COUNT, SCRIPT_WINDOW_COUNT + 1, 8);
	put(SCRIPT_CTL, SCRIPT_START, 4);
	work();
	failed(SCRIPT_ERROR_PROGRAM, 0);
	put(SCRIPT_COUNT, SCRIPT_MAX_COUNT + 1, 8);
	put(SCRIPT_CTL, SCRIPT_START_FETCH, 4);
	work();
	failed(SCRIPT_ERROR_PROGRAM, 0);
	put(SCRIPT_COUNT, SCRIPT_WINDOW_COUNT, 8); /* full of END */
	put(SCRIPT_CTL, SCRIPT_START, 4);
	work();
	done();
}

/* ---- programs in memory ---- */

static void a_fetched_program(void **state)
{
	struct script_insn p[SCRIPT_MAX_COUNT];

	(void)state;
	for (unsigned int i = 0; i < SCRIPT_MAX_COUNT; i++)
		p[i] = script_write64(DATA + 8 * i, i + 1);
	memcpy(memory + PROGRAM, p, sizeof(p));
	put(SCRIPT_PROGRAM, PROGRAM, 8);
	put(SCRIPT_COUNT, SCRIPT_MAX_COUNT, 8);
	put(SCRIPT_CTL, SCRIPT_START_FETCH, 4);
	work();
	done();
	for (uint64_t i = 0; i < SCRIPT_MAX_COUNT; i++)
		assert_int_equal(peek64(DATA + 8 * i), i + 1);
	put(SCRIPT_PROGRAM, OUTSIDE - 32, 8);
	put(SCRIPT_CTL, SCRIPT_START_FETCH, 4);
	work();
	failed(SCRIPT_ERROR_DMA, 0);
	assert_int_equal(get(SCRIPT_STEPS), 0);
}

/* ---- order, and what the trace tells of it ---- */

static uint64_t seen[4];

static void watch(void)
{
	if (dma_count <= 4) /* before the n-th, what the ones before it left */
		seen[dma_count - 1] = peek64(DATA) + 10 * peek64(DATA + 8) + 100 * peek64(OTHER);
}

static void steps_are_in_order(void **state)
{
	const struct script_insn p[] = {
		script_write64(DATA, 1),
		script_write64(DATA + 8, 1),
		script_copy(OTHER, DATA, 8),
		script_read64(0, OTHER),
	};

	(void)state;
	before_dma = watch;
	RUN_THIS(p);
	done();
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 11);
	assert_int_equal(seen[3], 111);
	assert_int_equal(reg(0), 1);
}

static void the_trace(void **state)
{
	const struct script_insn p[] = {
		script_fetch_add(0, DATA, 1),
		script_loop(0, 99),
		script_read64(1, OUTSIDE),
	};

	(void)state;
	RUN_THIS(p);
	failed(SCRIPT_ERROR_DMA, 2);
	assert_int_equal(get(SCRIPT_STEPS), 201);
	for (unsigned int n = 201 - SCRIPT_TRACE_ENTRIES; n < 200; n++) {
		struct script_trace t = traced(n);

		assert_int_equal(t.step, n);
		assert_int_equal(t.pc, n % 2);
		assert_int_equal(t.opcode, n % 2 ? SCRIPT_LOOP : SCRIPT_FETCH_ADD);
		assert_int_equal(t.error, 0);
		assert_int_equal(t.value, n % 2 ? 0 : n / 2);
	}
	assert_int_equal(traced(200).opcode, SCRIPT_READ64);
	assert_int_equal(traced(200).error, SCRIPT_ERROR_DMA);
	assert_int_equal(traced(200).value, OUTSIDE);
}

/* ---- ends that come early ---- */

static void stop_soon(void)
{
	if (dma_count == 5)
		put(SCRIPT_CTL, SCRIPT_STOP, 4);
}

static void a_stop(void **state)
{
	const struct script_insn waits[] = { script_wait(DATA, 1, 1, SCRIPT_MAX_WAIT_US) };
	const struct script_insn loops[] = { script_write64(DATA, 1), script_loop(0, UINT64_MAX) };

	(void)state;
	before_dma = stop_soon;
	RUN_THIS(waits);
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_STOPPED);
	assert_int_equal(get(SCRIPT_ERROR), SCRIPT_OK);
	assert_int_equal(dma_count, 5);
	dma_count = 0;
	RUN_THIS(loops);
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_STOPPED);
	assert_int_equal(dma_count, 5);
	put(SCRIPT_CTL, SCRIPT_STOP, 4); /* nothing runs: nothing stops */
	assert_false(afu.ops->has_work(&afu));
	assert_int_equal(get(SCRIPT_STATE), SCRIPT_STOPPED);
}

static void start_again(void)
{
	put(SCRIPT_CTL, SCRIPT_START, 4);
}

static void a_start_while_it_runs_is_ignored(void **state)
{
	const struct script_insn p[] = { script_write64(DATA, 1) };

	(void)state;
	before_dma = start_again;
	RUN_THIS(p);
	done();
	assert_false(afu.ops->has_work(&afu));
}

static void reset_soon(void)
{
	if (dma_count == 5)
		may_work = false;
}

static void leave_soon(void)
{
	if (dma_count == 5)
		dma_result = -ENOTCONN;
}

static void a_reset_forgets_the_program(void **state)
{
	void (*const ends[])(void) = { reset_soon, leave_soon };
	const struct script_insn p[] = { script_wait(DATA, 1, 1, SCRIPT_MAX_WAIT_US),
					 script_interrupt(0) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		before_dma = ends[i];
		dma_count = 0;
		store_window(p, 2);
		put(SCRIPT_CTL, SCRIPT_START, 4);
		afu.ops->work(&afu);
		assert_int_equal(get(SCRIPT_RUNS), 0);
		assert_int_equal(interrupts, 0);
		before_dma = NULL;
		dma_result = 0;
		may_work = true;
		afu.ops->reset(&afu);
		assert_int_equal(get(SCRIPT_STATE), SCRIPT_IDLE);
		assert_int_equal(get(SCRIPT_COUNT), 0);
		assert_int_equal(get(SCRIPT_WINDOW), 0);
	}
}

static void a_delay_ends_with_a_reset(void **state)
{
	const struct script_insn p[] = { script_delay(SCRIPT_MAX_WAIT_US) };

	(void)state;
	may_work = false;
	store_window(p, 1);
	put(SCRIPT_CTL, SCRIPT_START, 4);
	afu.ops->work(&afu); /* or this test takes a hundred seconds */
	assert_int_equal(get(SCRIPT_RUNS), 0);
}

static void which_registers_can_be_written(void **state)
{
	static const uint64_t read_only[] = { 0x0, 0x8, 0x10, SCRIPT_STATE, SCRIPT_PC, SCRIPT_ERROR,
					      SCRIPT_STEPS, SCRIPT_LAST, SCRIPT_RUNS, SCRIPT_R0,
					      SCRIPT_TRACE, 0x2000 };

	(void)state;
	for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
		uint64_t was = get(read_only[i]);

		put(read_only[i], ~was, 8);
		assert_int_equal(get(read_only[i]), was);
	}
	put(SCRIPT_MAILBOX0 + 56, 1, 4);
	put(SCRIPT_MAILBOX0 + 60, 2, 4);
	assert_int_equal(get(SCRIPT_MAILBOX0 + 56), UINT64_C(0x200000001));
	put(SCRIPT_CTL + 4, 1, 4);
	assert_false(afu.ops->has_work(&afu));
	assert_int_equal(get(8), SCRIPT_GUID_LOW);
	assert_int_equal(get(16), SCRIPT_GUID_HIGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(writes_and_reads), BOTH(blocks), BOTH(counting), BOTH(loops_in_loops),
		BOTH(interrupts_of_its_own), BOTH(a_wait_for_memory), BOTH(a_wait_for_a_mailbox),
		BOTH(waits_have_an_end), BOTH(operands), BOTH(faults),
		BOTH(programs_that_never_end), BOTH(counts), BOTH(a_fetched_program),
		BOTH(steps_are_in_order), BOTH(the_trace), BOTH(a_stop),
		BOTH(a_start_while_it_runs_is_ignored), BOTH(a_reset_forgets_the_program),
		BOTH(a_delay_ends_with_a_reset), RIGGED(which_registers_can_be_written),
	};

	return RUN(tests);
}
