/* SPDX-License-Identifier: BSD-3-Clause */
/* A bank of local memory, its pins in the test's hands. What an AFU sees of it is in tests/sim. */
#include <string.h>

#include "sim/memory/bank.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-port.h"

#define LINES 0x10000u
#define LATENCY 40u

static struct fake_port fake;
static struct bank *bank;
static struct bank_answer answer;
static bool in_reset;
static unsigned int came;
static uint32_t first_words[1024]; /* of the lines that came */

static void start(void)
{
	const struct bank_options options = { .lines = LINES, .seed = 5, .latency = LATENCY };

	fake_port_init(&fake);
	assert_int_equal(bank_new(&options, &bank), 0);
	answer = (struct bank_answer){ .wait = true };
	came = 0;
}

static void edge(const struct bank_request *r)
{
	bank_edge(bank, &fake.port, r, &answer);
	if (!answer.valid)
		return;
	assert_true(came < 1024);
	first_words[came++] = answer.data[0];
}

static void idle(unsigned int edges)
{
	uint32_t data[BANK_LINE_WORDS] = { 0 };

	while (edges--)
		edge(&(struct bank_request){ .reset = in_reset, .data = data });
}

/* Until it is taken; false: not within so many edges. */
static bool ask(struct bank_request r, unsigned int edges)
{
	while (edges--) {
		bool taken = !answer.wait;

		edge(&r);
		if (taken)
			return true;
	}
	return false;
}

static void write_line(uint64_t address, uint32_t burst, uint32_t word)
{
	uint32_t data[BANK_LINE_WORDS] = { word };

	assert_true(ask((struct bank_request){ .write = true, .burst = burst, .address = address,
					       .enables = ~UINT64_C(0), .data = data }, 10));
}

static bool read_lines(uint64_t address, uint32_t burst)
{
	uint32_t data[BANK_LINE_WORDS] = { 0 };

	return ask((struct bank_request){ .read = true, .burst = burst, .address = address, .data = data },
		   10);
}

static void a_read_takes_its_latency(void **state)
{
	(void)state;
	start();
	write_line(3, 1, 0xabc);
	assert_true(read_lines(3, 2));
	idle(LATENCY - 1);
	assert_int_equal(came, 0);
	/* At work: for the write, which waits at first, for the read, and while its lines are to come. */
	assert_int_equal(fake.active, 2 + 1 + LATENCY - 1);
	idle(1);
	assert_int_equal(came, 1);
	assert_int_equal(first_words[0], 0xabc);
	idle(1);
	assert_int_equal(came, 2);
	idle(100);
	assert_int_equal(came, 2);
	assert_int_equal(fake.errors + fake.warnings, 0);
	bank_free(bank);
}

static void a_later_write_does_not_show_in_a_read(void **state)
{
	(void)state;
	start();
	write_line(9, 1, 1);
	assert_true(read_lines(9, 1));
	write_line(9, 1, 2);
	idle(2 * LATENCY);
	assert_int_equal(came, 1);
	assert_int_equal(first_words[0], 1);
	bank_free(bank);
}

/* As many bursts as there is room for, whose lines all come. */
static void a_bank_that_is_full_waits(void **state)
{
	unsigned int taken = 0;

	(void)state;
	start();
	for (unsigned int i = 0; i < 100; i++)
		write_line(i, 1, i);
	while (taken < 4 && read_lines(0, BANK_MAX_BURST))
		taken++;
	assert_int_equal(taken, 4);
	assert_true(answer.wait);
	idle(400);
	assert_int_equal(came, 4 * BANK_MAX_BURST);
	for (unsigned int i = 0; i < came; i++)
		assert_int_equal(first_words[i], i % BANK_MAX_BURST);
	bank_free(bank);
}

static uint32_t first_word_of(uint64_t address)
{
	unsigned int before = came;

	assert_true(read_lines(address, 1));
	idle(2 * LATENCY);
	assert_int_equal(came, before + 1);
	return first_words[before];
}

/* The lines that come with it are no writes of their own. */
static void a_write_that_cannot_be_is_dropped_whole(void **state)
{
	(void)state;
	start();
	write_line(7, 1, 70);
	for (unsigned int i = 0; i < BANK_MAX_BURST + 1; i++)
		write_line(7, BANK_MAX_BURST + 1, 71);
	assert_int_equal(fake.errors, 1);
	assert_string_equal(fake.rule, "lm-burst");
	assert_int_equal(first_word_of(7), 70);
	write_line(7, 1, 72);
	assert_int_equal(first_word_of(7), 72);
	assert_int_equal(fake.errors, 1);
	bank_free(bank);
}

static void of_a_read_and_a_write_at_once_neither_is_done(void **state)
{
	uint32_t data[BANK_LINE_WORDS] = { 81 };

	(void)state;
	start();
	write_line(8, 1, 80);
	assert_true(ask((struct bank_request){ .read = true, .write = true, .burst = 1, .address = 8,
					       .enables = ~UINT64_C(0), .data = data }, 10));
	assert_int_equal(fake.errors, 1);
	assert_string_equal(fake.rule, "lm-both");
	idle(2 * LATENCY);
	assert_int_equal(came, 0);
	assert_int_equal(first_word_of(8), 80);
	bank_free(bank);
}

/* Up to four times as long, and each as the seed says. */
static void shuffled_reads_take_their_time(void **state)
{
	const struct bank_options options = {
		.lines = LINES, .seed = 5, .latency = LATENCY, .shuffle = true
	};
	unsigned int least = UINT32_MAX, most = 0;

	(void)state;
	start();
	bank_free(bank);
	assert_int_equal(bank_new(&options, &bank), 0);
	answer = (struct bank_answer){ .wait = true };
	for (unsigned int i = 1; i <= 100; i++) {
		unsigned int took = 0;

		assert_true(read_lines(i, 1));
		for (; came < i; took++)
			idle(1);
		least = took < least ? took : least;
		most = took > most ? took : most;
	}
	assert_in_range(least, LATENCY, 2 * LATENCY);
	assert_in_range(most, 3 * LATENCY, 4 * LATENCY);
	bank_free(bank);
}

static void reset_forgets_what_is_under_way(void **state)
{
	(void)state;
	start();
	write_line(1, 1, 11);
	write_line(2, 2, 22); /* of which a line is left */
	assert_true(read_lines(1, 1) && fake.errors == 1); /* which is no place for a read */
	assert_string_equal(fake.rule, "lm-read-in-burst");
	write_line(2, 2, 23);
	assert_true(read_lines(1, 1));
	write_line(2, 2, 24);
	in_reset = true;
	idle(10);
	assert_true(answer.wait);
	in_reset = false;
	idle(2 * LATENCY);
	assert_int_equal(came, 0);
	assert_true(read_lines(1, 3));
	idle(2 * LATENCY);
	assert_int_equal(came, 3);
	assert_int_equal(first_words[0], 11);
	assert_int_equal(first_words[1], 24);
	assert_int_equal(first_words[2], 23);
	assert_int_equal(fake.errors, 1);
	bank_free(bank);
}

static void the_end_of_the_bank(void **state)
{
	(void)state;
	start();
	write_line(LINES - 1, 2, 7);
	write_line(0, 2, 8);
	assert_int_equal(fake.errors, 1);
	assert_true(read_lines(LINES - 1, 2));
	idle(2 * LATENCY);
	assert_int_equal(fake.errors, 2);
	assert_string_equal(fake.rule, "lm-address");
	assert_int_equal(first_words[0], 7);
	assert_int_equal(first_words[1], 0xffffffff);
	assert_true(read_lines(UINT64_MAX, 2));
	idle(2 * LATENCY);
	assert_int_equal(fake.errors, 3);
	assert_int_equal(came, 4);
	bank_free(bank);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_takes_its_latency),
		cmocka_unit_test(a_later_write_does_not_show_in_a_read),
		cmocka_unit_test(a_bank_that_is_full_waits),
		cmocka_unit_test(a_write_that_cannot_be_is_dropped_whole),
		cmocka_unit_test(of_a_read_and_a_write_at_once_neither_is_done),
		cmocka_unit_test(shuffled_reads_take_their_time),
		cmocka_unit_test(reset_forgets_what_is_under_way),
		cmocka_unit_test(the_end_of_the_bank),
	};

	return RUN(tests);
}
