/* SPDX-License-Identifier: BSD-3-Clause */
/* What is held and what is claimed, against arrays that say it for each page and byte. */
#include <stdlib.h>
#include <string.h>

#include "rpc/server/held.h"
#include "tests/unit/check.h"

#define PAGES 300u
#define LEN 256u
#define OURS 7u /* a buffer's number */

static void check_held(const struct held *h, const bool *is)
{
	size_t num = 0, next = SIZE_MAX;

	for (size_t page = PAGES; page-- > 0;) {
		num += is[page];
		next = is[page] ? page : next;
		assert_true(held_next(h, page) == next);
		assert_int_equal(held_all(h, page, page + 1), is[page]);
	}
	assert_int_equal(h->num, num);
	assert_true(held_next(h, PAGES) == SIZE_MAX);
	if (num) {
		assert_int_equal(h->first, next);
		assert_true(is[h->end - 1]);
	}
	assert_true(held_next(h, h->end) == SIZE_MAX);
}

static void pages_are_held(void **state)
{
	bool is[PAGES] = { false };
	struct held h;

	(void)state;
	srand(1);
	assert_int_equal(held_init(&h, (PAGES - 1) * HELD_PAGE + 1), 0);
	assert_int_equal(h.pages, PAGES);
	check_held(&h, is);
	for (unsigned int round = 0; round < 2000; round++) {
		size_t from = (size_t)rand() % PAGES, end = from + (size_t)rand() % (PAGES - from + 1);
		bool on = rand() % 2;

		if (round % 3)
			end = from + 1; /* mostly one, so that there are holes */
		(on ? held_set : held_clear)(&h, from, end);
		memset(is + from, on, end - from);
		check_held(&h, is);
	}
	held_clear(&h, 0, PAGES);
	assert_int_equal(h.num + h.first + h.end, 0);
	held_done(&h);
}

/* Of each byte the last cut that claims it. */
static void check_claims(const struct claims *c, const uint64_t *cuts, uint64_t seen)
{
	struct twin_run runs[CLAIMS_MAX];
	uint32_t num = claims_in(c, OURS, 10, LEN - 10, runs);
	bool is[LEN] = { false };

	for (uint32_t i = 0; i < num; i++) {
		assert_true(runs[i].len && (!i || runs[i].at > runs[i - 1].at + runs[i - 1].len));
		memset(is + runs[i].at, true, runs[i].len);
	}
	for (size_t at = 0; at < LEN; at++)
		assert_int_equal(is[at], at >= 10 && at < LEN - 10 && cuts[at] > seen);
}

static void bytes_are_claimed(void **state)
{
	uint64_t cuts[LEN] = { 0 }, seen = 0;
	struct claims c;

	(void)state;
	srand(2);
	assert_int_equal(claims_init(&c), 0);
	for (uint64_t cut = 1; cut < 3000; cut++) {
		size_t at = (size_t)rand() % LEN, len = 1 + (size_t)rand() % (LEN - at);
		struct claim ours = { OURS, cut, { at, len } }, other = { OURS + 1, cut, { 0, LEN } };

		assert_true(claims_have_room(&c, 2));
		claims_add(&c, &ours);
		claims_add(&c, &other);
		for (size_t i = at; i < at + len; i++)
			cuts[i] = cut;
		if (!(rand() % 4)) { /* to an end: no claim has bytes on both sides */
			size_t from = rand() % 2 ? at : 0, end = from ? LEN : at;

			claims_drop(&c, OURS, from, end);
			memset(cuts + from, 0, (end - from) * sizeof(*cuts));
		}
		if (!(rand() % 8))
			seen += (uint64_t)rand() % (cut - seen + 1);
		claims_forget(&c, seen);
		check_claims(&c, cuts, seen);
	}
	claims_done(&c);
}

static void there_is_an_end_of_claims(void **state)
{
	struct claim claim = { OURS, 1, { 5, 10 } };
	struct twin_run runs[CLAIMS_MAX];
	struct claims c = { 0 };

	(void)state;
	assert_false(claims_have_room(&c, 1));
	assert_int_equal(claims_init(&c), 0);
	for (unsigned int i = 0; i < CLAIMS_MAX; i++) {
		assert_true(claims_have_room(&c, 1));
		claims_add(&c, &claim);
	}
	assert_false(claims_have_room(&c, 1));
	claims_drop(&c, OURS, 7, 9); /* bytes on both sides: it stays */
	assert_int_equal(claims_in(&c, OURS, 0, 100, runs), 1);
	assert_int_equal(runs[0].at, 5);
	assert_int_equal(runs[0].len, 10);
	claims_forget(&c, 1);
	assert_true(claims_have_room(&c, CLAIMS_MAX));
	assert_int_equal(claims_in(&c, OURS, 0, 100, runs), 0);
	claims_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_held),
		cmocka_unit_test(bytes_are_claimed),
		cmocka_unit_test(there_is_an_end_of_claims),
	};

	return RUN(tests);
}
