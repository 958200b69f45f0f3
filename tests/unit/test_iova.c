/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/iova.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/check.h"

static struct iova_space space(uint64_t first, uint64_t last)
{
	struct iova_space s = { 0 };

	assert_int_equal(iova_put(&s, first, last), 0);
	return s;
}

static void aligned_and_exhausted(void **state)
{
	struct iova_space s = space(0x1000, 0x3fff);
	uint64_t a;

	(void)state;
	assert_int_equal(iova_get(&s, 0x1000, 0x2000, &a), 0);
	assert_int_equal(a, 0x2000);
	assert_int_equal(iova_get(&s, 0x2000, 0x1000, &a), -ENOSPC);
	assert_int_equal(iova_get(&s, 0x1000, 0x1000, &a), 0);
	assert_int_equal(iova_get(&s, 0x1000, 0x1000, &a), 0);
	assert_int_equal(s.num, 0);
	assert_int_equal(iova_get(&s, 1, 1, &a), -ENOSPC);
	iova_done(&s);
}

static void no_wrap_at_the_end(void **state)
{
	struct iova_space s = space(UINT64_MAX - 0xfff, UINT64_MAX);
	uint64_t a;

	(void)state;
	assert_int_equal(iova_get(&s, UINT64_MAX, 0x1000, &a), -ENOSPC);
	assert_int_equal(iova_get(&s, 0x1000, UINT64_C(1) << 63, &a), -ENOSPC);
	assert_int_equal(iova_get(&s, 0x1000, 0x1000, &a), 0);
	assert_int_equal(a, UINT64_MAX - 0xfff);
	assert_int_equal(iova_put(&s, a, UINT64_MAX), 0);
	iova_done(&s);
}

static void giving_back_heals(void **state)
{
	struct iova_space s = space(0, 0xffff);
	uint64_t at[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(iova_get(&s, 0x1000, 0x1000, &at[i]), 0);
	for (int i = 0; i < 16; i += 2)
		assert_int_equal(iova_put(&s, at[i], at[i] + 0xfff), 0);
	assert_int_equal(s.num, 8);
	assert_int_equal(iova_put(&s, at[0], at[0] + 0xfff), -EINVAL); /* twice */
	for (int i = 1; i < 16; i += 2)
		assert_int_equal(iova_put(&s, at[i], at[i] + 0xfff), 0);
	assert_int_equal(s.num, 1);
	assert_int_equal(s.holes[0].first, 0);
	assert_int_equal(s.holes[0].last, 0xffff);
	iova_done(&s);
}

/* Against a map of pages: nothing is handed out twice, nothing is lost. */
static void random_against_a_model(void **state)
{
	enum { PAGES = 256 };
	struct iova_space s = space(0, PAGES * 0x1000 - 1);
	unsigned char owner[PAGES] = { 0 };
	uint64_t at[64] = { 0 }, len[64] = { 0 };
	unsigned int seed = 42;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		int i = (int)((unsigned int)rand_r(&seed) % 64);

		if (len[i]) {
			assert_int_equal(iova_put(&s, at[i], at[i] + len[i] - 1), 0);
			for (uint64_t p = at[i] >> 12; p < (at[i] + len[i]) >> 12; p++)
				owner[p] = 0;
			len[i] = 0;
			continue;
		}
		len[i] = (1 + (uint64_t)((unsigned int)rand_r(&seed) % 8)) << 12;
		if (iova_get(&s, len[i], 0x1000u << (rand_r(&seed) % 3), &at[i])) {
			len[i] = 0;
			continue;
		}
		for (uint64_t p = at[i] >> 12; p < (at[i] + len[i]) >> 12; p++) {
			assert_int_equal(owner[p], 0);
			owner[p] = 1;
		}
	}
	for (int i = 0; i < 64; i++)
		if (len[i])
			assert_int_equal(iova_put(&s, at[i], at[i] + len[i] - 1), 0);
	assert_int_equal(s.num, 1);
	iova_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_and_exhausted),
		cmocka_unit_test(no_wrap_at_the_end),
		cmocka_unit_test(giving_back_heals),
		cmocka_unit_test(random_against_a_model),
	};

	return RUN(tests);
}
