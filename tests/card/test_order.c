/* SPDX-License-Identifier: BSD-3-Clause */
/* Who sees what when: programs for the script accelerator, and the test as the other side. */
#include <stdlib.h>
#include <string.h>

#include "emu/afu-script.h"
#include "tests/card/card.h"

#define SECOND 1000000u
#define BLOCK 65536u

#define GO 0u	/* words of the control buffer, each in a line of its own */
#define FLAG 8u
#define COUNT 16u

static int up_trap(void **state)
{
	(void)state;
	return card_up("script", "trap");
}

static int up_map(void **state)
{
	(void)state;
	return card_up("script", "map");
}

struct rig {
	fpga_handle h;
	struct shared src, dst, control, program;
	struct script_insn *code;
	unsigned int count;
	uint64_t runs;
};

static struct rig rig_open(void)
{
	struct rig r = { .h = open_only() };

	r.src = shared_new(r.h, BLOCK);
	r.dst = shared_new(r.h, BLOCK);
	r.control = shared_new(r.h, 4096);
	r.program = shared_new(r.h, SCRIPT_MAX_COUNT * sizeof(struct script_insn));
	r.code = r.program.at;
	return r;
}

static void rig_close(struct rig *r)
{
	shared_free(r->h, &r->src);
	shared_free(r->h, &r->dst);
	shared_free(r->h, &r->control);
	shared_free(r->h, &r->program);
	assert_int_equal(fpgaClose(r->h), FPGA_OK);
}

static uint64_t *word(struct rig *r, unsigned int n)
{
	return (uint64_t *)r->control.at + n;
}

static uint64_t word_io(const struct rig *r, unsigned int n)
{
	return r->control.io + 8 * n;
}

static void store(uint64_t *at, uint64_t v)
{
	__atomic_store_n(at, v, __ATOMIC_RELEASE);
}

static void add(struct rig *r, struct script_insn i)
{
	assert_true(r->count < SCRIPT_MAX_COUNT);
	r->code[r->count++] = i;
}

static void start_fetched(struct rig *r)
{
	r->runs = read64(r->h, SCRIPT_RUNS);
	write64(r->h, SCRIPT_PROGRAM, r->program.io);
	write64(r->h, SCRIPT_COUNT, r->count);
	write32(r->h, SCRIPT_CTL, SCRIPT_START_FETCH);
}

static void start_window(struct rig *r)
{
	for (unsigned int i = 0; i < r->count; i++)
		for (unsigned int w = 0; w < 4; w++)
			write64(r->h, SCRIPT_WINDOW + i * 32 + 8 * w, script_word(&r->code[i], w));
	r->runs = read64(r->h, SCRIPT_RUNS);
	write64(r->h, SCRIPT_COUNT, r->count);
	write32(r->h, SCRIPT_CTL, SCRIPT_START);
}

static void ended(struct rig *r, enum script_state state, enum script_error error)
{
	await_register(r->h, SCRIPT_RUNS, UINT64_MAX, r->runs + 1);
	assert_int_equal(read64(r->h, SCRIPT_ERROR), error);
	assert_int_equal(read64(r->h, SCRIPT_STATE), state);
}

static void done(struct rig *r)
{
	ended(r, SCRIPT_DONE, SCRIPT_OK);
}

static void all_are(const struct shared *s, uint64_t v)
{
	for (size_t i = 0; i < s->bytes / 8; i++)
		assert_int_equal(((const uint64_t *)s->at)[i], v);
}

/* ---- order ---- */

#define ROUNDS 100u

/* What one side wrote before its flag is seen by the other after the flag; both ways. */
static void data_before_the_flag(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		add(&r, script_wait(word_io(&r, GO), UINT64_MAX, n, 10 * SECOND));
		add(&r, script_copy(r.dst.io, r.src.io, BLOCK));
		add(&r, script_write64(word_io(&r, FLAG), n));
	}
	start_fetched(&r);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		for (size_t i = 0; i < BLOCK / 8; i++)
			((uint64_t *)r.src.at)[i] = n << 32 | i;
		store(word(&r, GO), n);
		await_memory(word(&r, FLAG), UINT64_MAX, n);
		assert_memory_equal(r.src.at, r.dst.at, BLOCK);
	}
	done(&r);
	rig_close(&r);
}

static void data_before_the_interrupt(void **state)
{
	struct rig r = rig_open();
	fpga_event_handle eh;
	int fd = event_of(r.h, 1, &eh);

	(void)state;
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		add(&r, script_fill(r.dst.io, n, BLOCK));
		add(&r, script_interrupt(1));
		add(&r, script_wait_mailbox(2, UINT64_MAX, n, 10 * SECOND));
	}
	start_fetched(&r);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		await_event(fd);
		all_are(&r.dst, n);
		write64(r.h, SCRIPT_MAILBOX0 + 16, n);
	}
	done(&r);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	rig_close(&r);
}

/* A register write is not seen before the memory that was written before it. */
static void memory_before_the_register(void **state)
{
	struct rig r = rig_open();

	(void)state;
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		add(&r, script_wait_mailbox(7, UINT64_MAX, n, 10 * SECOND));
		add(&r, script_copy(r.dst.io, r.src.io, 4096));
		add(&r, script_write64(word_io(&r, FLAG), n));
	}
	start_fetched(&r);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		memset(r.src.at, (int)n, 4096);
		write64(r.h, SCRIPT_MAILBOX0 + 56, n);
		await_memory(word(&r, FLAG), UINT64_MAX, n);
		assert_memory_equal(r.src.at, r.dst.at, 4096);
	}
	done(&r);
	rig_close(&r);
}

/* And a register of the device says what its memory already holds. */
static void memory_before_the_result(void **state)
{
	struct rig r = rig_open();

	(void)state;
	add(&r, script_fill(r.dst.io, 0x0102030405060708, BLOCK));
	add(&r, script_read64(4, r.dst.io + BLOCK - 8));
	start_window(&r);
	await_register(r.h, SCRIPT_R0 + 32, UINT64_MAX, 0x0102030405060708);
	all_are(&r.dst, 0x0102030405060708);
	done(&r);
	rig_close(&r);
}

/* Memory by messages takes part in the same order. */
static void order_of_messages(void **state)
{
	struct rig r = rig_open();
	struct shared mine;
	char *own;

	(void)state;
	card_needs(CARD_WATCHES);
	card_needs(CARD_ANY_MEMORY);
	own = aligned_alloc(64, 8192 + 64);
	assert_non_null(own);
	mine = shared_own(r.h, own + 64, 4096);
	memset(mine.at, 0, 4096);
	for (uint64_t n = 1; n <= 20; n++) {
		add(&r, script_fill(mine.io, n, 4096));
		add(&r, script_write64(word_io(&r, FLAG), n));
		add(&r, script_wait(word_io(&r, GO), UINT64_MAX, n, 10 * SECOND));
	}
	start_fetched(&r);
	for (uint64_t n = 1; n <= 20; n++) {
		await_memory(word(&r, FLAG), UINT64_MAX, n);
		all_are(&mine, n);
		store(word(&r, GO), n);
	}
	done(&r);
	shared_free(r.h, &mine);
	rig_close(&r);
	free(own);
}

#define ADDS 5000u

static void counting_together(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_ATOMICS);
	add(&r, script_write64(word_io(&r, FLAG), 1));
	add(&r, script_fetch_add(0, word_io(&r, COUNT), 1));
	add(&r, script_loop(1, ADDS - 1));
	start_window(&r);
	await_memory(word(&r, FLAG), UINT64_MAX, 1);
	for (unsigned int i = 0; i < ADDS; i++)
		__atomic_fetch_add(word(&r, COUNT), 1, __ATOMIC_SEQ_CST);
	done(&r);
	assert_int_equal(*word(&r, COUNT), 2 * ADDS);
	rig_close(&r);
}

/* ---- ends ---- */

static void start_waiting(struct rig *r)
{
	r->count = 0;
	add(r, script_write64(word_io(r, FLAG), 1));
	add(r, script_wait(word_io(r, GO), 1, 1, SCRIPT_MAX_WAIT_US));
	add(r, script_write64(word_io(r, FLAG), 2));
	store(word(r, FLAG), 0);
	start_window(r);
}

static void wait_for_ever(struct rig *r)
{
	start_waiting(r);
	await_memory(word(r, FLAG), UINT64_MAX, 1);
}

static void a_stop(void **state)
{
	struct rig r = rig_open();

	(void)state;
	wait_for_ever(&r);
	write32(r.h, SCRIPT_CTL, SCRIPT_STOP);
	ended(&r, SCRIPT_STOPPED, SCRIPT_OK);
	assert_int_equal(read64(r.h, SCRIPT_PC), 1);
	assert_int_equal(*word(&r, FLAG), 1);
	rig_close(&r);
}

static void a_reset(void **state)
{
	struct rig r = rig_open();

	(void)state;
	wait_for_ever(&r);
	assert_int_equal(fpgaReset(r.h), FPGA_OK);
	assert_int_equal(read64(r.h, SCRIPT_STATE), SCRIPT_IDLE);
	store(word(&r, GO), 1);
	start_waiting(&r); /* for what is there already */
	done(&r);
	assert_int_equal(*word(&r, FLAG), 2);
	rig_close(&r);
}

static void a_close(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rig r = rig_open();

		assert_int_equal(read64(r.h, SCRIPT_STATE), SCRIPT_IDLE);
		assert_int_equal(read64(r.h, SCRIPT_WINDOW), 0);
		wait_for_ever(&r);
		assert_int_equal(fpgaClose(r.h), FPGA_OK);
	}
}

static void a_timeout_and_a_fault(void **state)
{
	struct rig r = rig_open();

	(void)state;
	add(&r, script_wait(word_io(&r, GO), 1, 1, 2000));
	start_window(&r);
	ended(&r, SCRIPT_FAILED, SCRIPT_ERROR_TIMEOUT);
	r.count = 0;
	add(&r, script_copy(r.dst.io, 0xdead000000, 64));
	start_window(&r);
	ended(&r, SCRIPT_FAILED, SCRIPT_ERROR_DMA);
	assert_int_equal(script_trace(read64(r.h, SCRIPT_TRACE), 0).error, SCRIPT_ERROR_DMA);
	rig_close(&r);
}

int main(void)
{
#define BOTH(t) cmocka_unit_test_setup_teardown(t, up_trap, card_down),                           \
	cmocka_unit_test_setup_teardown(t, up_map, card_down)
	const struct CMUnitTest tests[] = {
		BOTH(data_before_the_flag),
		BOTH(data_before_the_interrupt),
		BOTH(memory_before_the_register),
		BOTH(memory_before_the_result),
		BOTH(order_of_messages),
		BOTH(counting_together),
		BOTH(a_stop),
		BOTH(a_reset),
		BOTH(a_close),
		BOTH(a_timeout_and_a_fault),
	};

	return CARD_RUN(tests);
}
