/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is put aside. Which of two changes is made last is seen where both are of one byte: several twins
 * stand here for pages that are the same memory.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/server/aside.h"
#include "tests/unit/check.h"

#define MOST (ASIDES_MAX + 8)

static struct asides a;
static unsigned char *memory, *twins; /* a page of the first for all, and of the others for each */
static struct twin t[MOST];
static unsigned char come[HELD_PAGE];

static int up(void **state)
{
	(void)state;
	memory = calloc(1, HELD_PAGE);
	twins = calloc(MOST, HELD_PAGE);
	assert_true(memory && twins);
	for (size_t i = 0; i < MOST; i++)
		t[i] = (struct twin){ memory, twins + i * HELD_PAGE, HELD_PAGE };
	memset(come, 0, sizeof(come));
	return asides_init(&a);
}

static int down(void **state)
{
	(void)state;
	asides_done(&a);
	free(memory);
	free(twins);
	return 0;
}

/* For the n-th page: these bytes from `at` on, and what its twin has beside. */
static bool put(size_t n, size_t at, size_t len, unsigned char byte)
{
	memcpy(come, t[n].twin, sizeof(come));
	memset(come + at, byte, len);
	return asides_put(&a, &t[n], 0, come, sizeof(come), NULL, 0);
}

static void nothing_is_changed_before_the_end(void **state)
{
	(void)state;
	assert_true(put(0, 100, 3, 7));
	assert_int_equal(memory[100], 0);
	assert_int_equal(twins[100], 0);
	asides_settle(&a);
	assert_memory_equal(memory + 100, "\7\7\7", 3);
	assert_memory_equal(memory, twins, HELD_PAGE);
	memory[100] = 1;
	asides_settle(&a); /* once */
	assert_int_equal(memory[100], 1);
}

static void the_shortest_is_last(void **state)
{
	static const size_t lens[] = { 900, 200, 65, 8, 5, 2, 1 };
	size_t num = sizeof(lens) / sizeof(lens[0]);

	(void)state;
	for (size_t first = 0; first < num; first++) {
		for (size_t i = 0; i < num; i++) {
			size_t n = (first + i) % num;

			assert_true(put(n, 0, lens[n], (unsigned char)(n + 1)));
		}
		asides_settle(&a);
		assert_int_equal(memory[0], num);
		assert_int_equal(memory[64], 3);
		assert_int_equal(memory[899], 1);
		down(NULL);
		up(NULL);
	}
}

static void of_equal_ones_the_later_is_last(void **state)
{
	(void)state;
	put(0, 8, 4, 1);
	put(1, 8, 4, 2);
	asides_settle(&a);
	assert_int_equal(memory[8], 2);
	put(1, 8, 4, 3);
	put(0, 8, 4, 4);
	put(1, 8, 4, 5); /* once more */
	asides_settle(&a);
	assert_int_equal(memory[8], 5);
}

/* A command of 40 bytes of which the first says that it is there, and 8 bytes that it is about. */
static void the_front_of_a_short_page_is_apart(void **state)
{
	(void)state;
	for (size_t other = 0; other < 2; other++) {
		memset(memory, 0, HELD_PAGE);
		memset(twins, 0, 3 * HELD_PAGE);
		if (other)
			put(1, 16, 8, 9);
		memset(come, 0, sizeof(come));
		come[16] = 1;
		memset(come + 24, 2, 32);
		assert_true(asides_put(&a, &t[0], 0, come, HELD_PAGE, NULL, 0));
		if (!other)
			put(1, 16, 8, 9);
		put(2, 24, 8, 3); /* the same where it meets what is behind */
		asides_settle(&a);
		assert_int_equal(memory[16], 1);
		assert_int_equal(memory[17], 9);
		assert_int_equal(memory[24], 3);
		assert_int_equal(memory[32], 2);
	}
}

static void too_much_is_not_put_aside(void **state)
{
	(void)state;
	assert_true(put(0, 0, ASIDE_BYTES, 1));
	assert_int_equal(a.num, 1);
	assert_false(put(0, 0, ASIDE_BYTES + 1, 2));
	assert_int_equal(a.num, 0);
	assert_false(put(0, 0, HELD_PAGE, 2));
	asides_settle(&a);
	assert_int_equal(memory[0], 0);
}

/* Of too many pages the longest goes, whichever it is. */
static void there_is_an_end_to_the_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < MOST; i++)
		put(i, i * 64, i == 5 ? 30 : i == MOST - 1 ? 40 : 2, (unsigned char)(i + 1));
	assert_int_equal(a.num, ASIDES_MAX);
	assert_int_equal(memory[5 * 64], 6);
	assert_int_equal(memory[(MOST - 1) * 64 + 39], MOST);
	assert_int_equal(memory[(MOST - 2) * 64], 0);
	assert_false(put(7, 0, 2000, 9)); /* costs nobody his place */
	asides_settle(&a);
	for (size_t i = 0; i < MOST; i++)
		assert_int_equal(memory[i * 64], i == 7 ? 0 : i + 1);
}

static void the_last_of_a_page_is_what_counts(void **state)
{
	(void)state;
	put(0, 10, 2, 1);
	memcpy(come, t[0].twin, sizeof(come));
	come[11] = 5;
	asides_put(&a, &t[0], 0, come, HELD_PAGE, NULL, 0);
	asides_settle(&a);
	assert_memory_equal(memory + 10, "\0\5", 2);
	put(0, 10, 1, 1);
	memcpy(come, t[0].twin, sizeof(come)); /* as it was */
	asides_put(&a, &t[0], 0, come, HELD_PAGE, NULL, 0);
	assert_int_equal(a.num, 0);
}

static void what_the_device_did_remains(void **state)
{
	static const struct twin_run claimed[] = { { 0, 9 }, { 12, 1 }, { HELD_PAGE - 1, 1 } };
	static const struct twin_run lost = { 10, 1 };

	(void)state;
	memset(come, 1, 14);
	asides_put(&a, &t[0], 0, come, HELD_PAGE, claimed, 3);
	asides_lose(&a, &t[0], &lost);
	asides_lose(&a, &t[1], &lost);
	memory[10] = twins[10] = 77;
	asides_settle(&a);
	assert_memory_equal(memory, "\0\0\0\0\0\0\0\0\0\1\115\1\0\1\0", 15);
	put(0, 20, 1, 1);
	asides_lose(&a, &t[0], &(struct twin_run){ 20, 1 }); /* all of it */
	asides_settle(&a);
	assert_int_equal(memory[20], 0);
}

/* The device only reads it; the buffer ends inside the second page. */
static void without_a_twin(void **state)
{
	unsigned char *two = calloc(1, HELD_PAGE + 13);
	struct twin only = { two, NULL, HELD_PAGE + 13 };

	(void)state;
	memset(come, 3, 13);
	assert_true(asides_put(&a, &only, HELD_PAGE, come, 13, NULL, 0));
	assert_true(asides_put(&a, &only, 0, come, HELD_PAGE, NULL, 0));
	assert_int_equal(two[HELD_PAGE + 12] + two[0], 0);
	asides_settle(&a);
	assert_memory_equal(two + HELD_PAGE, come, 13);
	assert_memory_equal(two, come, HELD_PAGE);
	free(two);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		T(nothing_is_changed_before_the_end), T(the_shortest_is_last),
		T(of_equal_ones_the_later_is_last), T(the_front_of_a_short_page_is_apart),
		T(too_much_is_not_put_aside), T(there_is_an_end_to_the_room),
		T(the_last_of_a_page_is_what_counts), T(what_the_device_did_remains), T(without_a_twin),
	};

	return RUN(tests);
}
