/* SPDX-License-Identifier: BSD-3-Clause */
/* The poller alone: commands from memory, faults, rest, ends. The program acts in front of a DMA. */
#include <errno.h>
#include <string.h>

#include "emu/afu-poller.h"
#include "emu/board.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-card.h"

#define MAILBOX 0x1000u
#define STRIDE 192u
#define SLOTS 4u
#define DATA 0x10000u
#define OTHER 0x20000u
#define OUTSIDE ((uint64_t)sizeof(memory))

FAKE_CARD_RIGS(&afu_poller)

static uint64_t slot(unsigned int n)
{
	return MAILBOX + n * STRIDE;
}

static void command(unsigned int n, uint64_t sequence, uint32_t opcode, uint32_t length)
{
	struct poller_command c = { .sequence = sequence, .opcode = opcode, .length = length,
				    .source = DATA, .destination = OTHER, .operand = 1000 };

	memcpy(memory + slot(n), &c, sizeof(c));
}

static struct poller_completion completion(unsigned int n)
{
	struct poller_completion c;

	memcpy(&c, memory + slot(n) + POLLER_COMPLETION, sizeof(c));
	return c;
}

static void start(void)
{
	put(POLLER_MAILBOX, MAILBOX, 8);
	put(POLLER_SLOTS, SLOTS, 8);
	put(POLLER_STRIDE, STRIDE, 8);
	put(POLLER_CTL, POLLER_START, 4);
	assert_int_equal(get(POLLER_STATE), POLLER_POLLING);
}

static void work(void)
{
	assert_true(afu.ops->has_work(&afu));
	afu.ops->work(&afu);
	assert_false(afu.ops->has_work(&afu));
}

static uint64_t stop_after; /* rounds */

static void stop_soon(void)
{
	if (get(POLLER_ROUNDS) >= stop_after)
		put(POLLER_CTL, POLLER_STOP, 4);
}

/* Polls for so many rounds and a little, and is stopped then. */
static void run(uint64_t rounds)
{
	stop_after = rounds;
	before_dma = stop_soon;
	start();
	work();
	before_dma = NULL;
}

static void stopped(void)
{
	assert_int_equal(get(POLLER_ERROR), POLLER_OK);
	assert_int_equal(get(POLLER_STATE), POLLER_STOPPED);
}

static void commands(void **state)
{
	(void)state;
	memset(memory + DATA, 3, 100000);
	command(0, 1, POLLER_ECHO, 77);
	command(1, 9, POLLER_COPY, 90000);
	command(3, UINT64_MAX, POLLER_SUM, 100000);
	run(2);
	stopped();
	assert_int_equal(completion(0).sequence, 1);
	assert_int_equal(completion(0).status, POLLER_DONE);
	assert_int_equal(completion(0).result, 1000);
	assert_int_equal(completion(0).length, 77);
	assert_int_equal(completion(1).sequence, 9);
	assert_memory_equal(memory + OTHER, memory + DATA, 90000);
	assert_int_equal(memory[OTHER + 90000], 0);
	assert_int_equal(completion(2).sequence, 0);
	assert_int_equal(completion(3).sequence, UINT64_MAX);
	assert_int_equal(completion(3).result, 1000 + 300000);
	assert_int_equal(get(POLLER_COMMANDS), 3); /* each once */
	assert_int_equal(interrupts, 0);
}

static void bad_commands_do_not_end_it(void **state)
{
	(void)state;
	command(0, 1, 0, 8);
	command(1, 1, POLLER_SUM + 1, 8);
	command(2, 1, POLLER_COPY, POLLER_MAX_BYTES + 1);
	command(3, 1, POLLER_COPY, 0);
	run(2);
	stopped();
	assert_int_equal(completion(0).status, POLLER_BAD_OPCODE);
	assert_int_equal(completion(1).status, POLLER_BAD_OPCODE);
	assert_int_equal(completion(2).status, POLLER_BAD_LENGTH);
	assert_int_equal(completion(2).length, 0);
	assert_int_equal(completion(3).status, POLLER_DONE);
	assert_int_equal(get(POLLER_COMMANDS), 4);
}

static void next_when_done(void)
{
	uint64_t n = completion(2).sequence;

	if (n == 50)
		put(POLLER_CTL, POLLER_STOP, 4);
	else if (peek64(slot(2)) == n) {
		if (n) {
			assert_int_equal(completion(2).result, 7 * n);
			assert_int_equal(interrupts, n);
		}
		command(2, n + 1, POLLER_ECHO, 0);
		poke64(slot(2) + offsetof(struct poller_command, operand), 7 * (n + 1));
	}
}

/* The completion is there, and its interrupt, before the poller looks again. */
static void one_after_the_other(void **state)
{
	(void)state;
	before_dma = next_when_done;
	put(POLLER_INTERRUPT, POLLER_INTERRUPT_ON | 2, 8);
	start();
	work();
	stopped();
	assert_int_equal(get(POLLER_COMMANDS), 50);
	assert_int_equal(last_vector, 2);
}

static unsigned int wrong_order;

static void watch_order(void)
{
	struct poller_completion c = completion(0);

	if (c.sequence == 5 && (c.result != 1000 || peek64(OTHER) != peek64(DATA)))
		wrong_order++;
	stop_soon();
}

static void the_number_comes_last(void **state)
{
	(void)state;
	poke64(DATA, 0x1234);
	command(0, 5, POLLER_COPY, 8);
	wrong_order = 0;
	stop_after = 2;
	before_dma = watch_order;
	start();
	work();
	stopped();
	assert_int_equal(completion(0).sequence, 5);
	assert_int_equal(wrong_order, 0);
}

static void what_was_done_is_not_done_again(void **state)
{
	(void)state;
	command(0, 6, POLLER_ECHO, 0);
	run(2);
	assert_int_equal(get(POLLER_COMMANDS), 1);
	command(1, 3, POLLER_ECHO, 0);
	run(2);
	stopped();
	assert_int_equal(get(POLLER_COMMANDS), 1); /* counted anew: the second slot's */
	assert_int_equal(completion(1).sequence, 3);
}

/* ---- errors ---- */

static void faults(void **state)
{
	static const struct {
		uint32_t opcode;
		uint64_t source, destination;
		uint64_t where;
	} rows[] = {
		{ POLLER_COPY, OUTSIDE - 8, OTHER, OUTSIDE - 8 },
		{ POLLER_COPY, DATA, OUTSIDE, DATA },
		{ POLLER_SUM, OUTSIDE, 0, OUTSIDE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct poller_command c = { .sequence = i + 1, .opcode = rows[i].opcode, .length = 16,
					    .source = rows[i].source,
					    .destination = rows[i].destination };

		memcpy(memory + slot(2), &c, sizeof(c));
		start();
		work();
		assert_int_equal(get(POLLER_STATE), POLLER_FAILED);
		assert_int_equal(get(POLLER_ERROR), POLLER_ERROR_DMA);
		assert_int_equal(get(POLLER_FAULT_IOVA), rows[i].where);
		assert_int_equal(get(POLLER_FAULT_SLOT), 2);
		assert_int_equal(completion(2).sequence, i + 1); /* whoever waits for it is told */
		assert_int_equal(completion(2).status, POLLER_FAULT);
	}
	memset(memory + slot(2), 0, STRIDE);
	run(2);
	stopped(); /* the error goes with the next start */
	assert_int_equal(get(POLLER_FAULT_IOVA) + get(POLLER_FAULT_SLOT), 0);
}

static void take_memory_away(void)
{
	if (dma_count == 20)
		dma_result = -EFAULT;
}

static void a_mailbox_that_goes_away(void **state)
{
	(void)state;
	before_dma = take_memory_away;
	start();
	work();
	assert_int_equal(get(POLLER_STATE), POLLER_FAILED);
	assert_int_equal(get(POLLER_ERROR), POLLER_ERROR_DMA);
	assert_int_equal(dma_count, 20); /* one fault is enough */
}

static void setups(void **state)
{
	static const struct {
		uint64_t reg, value;
	} rows[] = { { POLLER_MAILBOX, MAILBOX + 8 },
		     { POLLER_SLOTS, 0 },
		     { POLLER_SLOTS, POLLER_MAX_SLOTS + 1 },
		     { POLLER_STRIDE, 64 },
		     { POLLER_STRIDE, 136 },
		     { POLLER_STRIDE, POLLER_MAX_STRIDE + 64 },
		     { POLLER_INTERVAL, POLLER_MAX_INTERVAL + 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(POLLER_MAILBOX, MAILBOX, 8);
		put(POLLER_SLOTS, SLOTS, 8);
		put(POLLER_STRIDE, STRIDE, 8);
		put(rows[i].reg, rows[i].value, 8);
		put(POLLER_CTL, POLLER_START, 4);
		work();
		assert_int_equal(get(POLLER_STATE), POLLER_FAILED);
		assert_int_equal(get(POLLER_ERROR), POLLER_ERROR_SETUP);
		assert_int_equal(dma_count, 0);
	}
}

/* ---- rest, and ends ---- */

static void stop_at_a_nap(void)
{
	if (get(POLLER_NAPS) >= 3)
		put(POLLER_CTL, POLLER_STOP, 4);
}

static void it_naps_when_nothing_comes(void **state)
{
	(void)state;
	before_dma = stop_at_a_nap;
	start();
	work();
	stopped();
	assert_true(get(POLLER_NAPS) >= 3 && get(POLLER_NAPS) < get(POLLER_ROUNDS));
}

static void an_interval(void **state)
{
	(void)state;
	put(POLLER_INTERVAL, 100, 8);
	command(0, 1, POLLER_ECHO, 0);
	run(3);
	stopped();
	assert_int_equal(get(POLLER_COMMANDS), 1);
}

static void reset_soon(void)
{
	if (dma_count == 20)
		may_work = false;
}

static void leave_soon(void)
{
	if (dma_count == 20)
		dma_result = -ECANCELED;
}

static void a_reset_forgets_it(void **state)
{
	void (*const ends[])(void) = { reset_soon, leave_soon };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		dma_count = 0;
		before_dma = ends[i];
		start();
		work();
		assert_true(dma_count <= 21);
		assert_int_equal(get(POLLER_STATE), POLLER_POLLING); /* nobody told otherwise */
		may_work = true;
		dma_result = 0;
		before_dma = NULL;
		afu.ops->reset(&afu);
		assert_int_equal(get(POLLER_STATE), POLLER_IDLE);
		assert_int_equal(get(POLLER_MAILBOX), 0);
	}
}

/* A stop in the middle of a long command leaves no completion; the next start does it anew. */
static void stop_in_a_copy(void)
{
	if (peek64(slot(0)) && completion(0).sequence == 0 && stop_after) {
		if (--stop_after == 0)
			put(POLLER_CTL, POLLER_STOP, 4);
	}
}

static void a_stop_in_mid_command(void **state)
{
	(void)state;
	command(0, 4, POLLER_SUM, 200000);
	stop_after = 7; /* four slots' numbers, the first's command twice, one piece */
	before_dma = stop_in_a_copy;
	start();
	work();
	stopped();
	assert_int_equal(completion(0).sequence, 0);
	assert_int_equal(get(POLLER_COMMANDS), 0);
	run(2);
	assert_int_equal(completion(0).sequence, 4);
	assert_int_equal(completion(0).result, 1000);
}

static void which_registers_can_be_written(void **state)
{
	(void)state;
	for (uint64_t at = POLLER_STATE; at <= POLLER_NAPS; at += 8) {
		put(at, 5, 8);
		assert_int_equal(get(at), 0);
	}
	put(POLLER_MAILBOX, 1, 4);
	put(POLLER_MAILBOX + 4, 2, 4);
	assert_int_equal(get(POLLER_MAILBOX), UINT64_C(0x200000001));
	put(POLLER_CTL + 4, 1, 4);
	put(POLLER_CTL, POLLER_STOP, 4);
	assert_false(afu.ops->has_work(&afu));
	assert_int_equal(get(8), POLLER_GUID_LOW);
	assert_int_equal(get(16), POLLER_GUID_HIGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(commands), BOTH(bad_commands_do_not_end_it), BOTH(one_after_the_other),
		BOTH(the_number_comes_last), BOTH(what_was_done_is_not_done_again), BOTH(faults),
		BOTH(a_mailbox_that_goes_away), BOTH(setups), BOTH(it_naps_when_nothing_comes),
		BOTH(an_interval), BOTH(a_reset_forgets_it), BOTH(a_stop_in_mid_command),
		RIGGED(which_registers_can_be_written),
	};

	return RUN(tests);
}
