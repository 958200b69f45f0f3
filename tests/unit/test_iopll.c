/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's half of the user clock's PLL: which settings, and how they are set, with the emulated PLL
 * behind. */
#include <errno.h>

#include "emu/user-clock.h"
#include "plugins/local/iopll.h"
#include "tests/unit/check.h"

#define REFERENCE 100000u

static struct user_clock pll;
static uint64_t forced; /* what each status has besides */
static unsigned int deaf_after, writes;
static int failing;

static int read_reg(void *at, enum iopll_reg reg, uint64_t *ret)
{
	(void)at;
	*ret = user_clock_status(&pll, reg) | forced;
	return failing;
}

static int write_reg(void *at, enum iopll_reg reg, uint64_t value)
{
	(void)at;
	if (!deaf_after || writes++ < deaf_after)
		user_clock_written(&pll, reg, value);
	return failing;
}

static const struct iopll_io io = { read_reg, write_reg, NULL };

static int up(void **state)
{
	(void)state;
	user_clock_reset(&pll);
	forced = 0;
	deaf_after = writes = 0;
	failing = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	return 0;
}

static uint32_t khz(const struct iopll_settings *s, uint32_t c)
{
	return (uint32_t)((uint64_t)REFERENCE * s->m / s->n / c);
}

/* ---- which settings ---- */

static void known_settings(void **state)
{
	static const struct {
		unsigned int revision;
		uint32_t high, m, n, c0, c1, filter, pump, capacitance;
	} known[] = {
		/* as Quartus makes them */
		{ 0, 200000, 16, 1, 8, 16, 3, 4, 2 },	{ 1, 200000, 14, 1, 7, 14, 3, 4, 0 },
		{ 0, 54000, 27, 2, 25, 50, 4, 4, 0 },	{ 1, 288000, 23, 2, 4, 8, 3, 4, 2 },
		{ 0, 318000, 159, 10, 5, 10, 6, 6, 2 }, { 1, 252000, 63, 5, 5, 10, 5, 4, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct iopll_family *f = iopll_family(known[i].revision);
		struct iopll_settings s,
		    want = { known[i].m,      known[i].n,    known[i].c0,	  known[i].c1,
			     known[i].filter, known[i].pump, known[i].capacitance };

		assert_true(iopll_solve(f, REFERENCE, known[i].high, known[i].high / 2, &s));
		assert_memory_equal(&s, &want, sizeof(s));
	}
	assert_int_equal(iopll_counter(1), 0x10000);
	assert_int_equal(iopll_counter(5), 0x20302);
	assert_int_equal(iopll_counter(16), 0x808);
	assert_null(iopll_family(2));
}

static void every_clock(void **state)
{
	(void)state;
	for (unsigned int revision = 0; revision < 2; revision++) {
		const struct iopll_family *f = iopll_family(revision);

		for (uint32_t high = IOPLL_HIGH_MIN_KHZ; high <= f->max_khz; high += 1000) {
			struct iopll_settings s;
			uint32_t vco;

			assert_true(iopll_solve(f, REFERENCE, high, high / 2, &s));
			vco = khz(&s, 1);
			assert_true(vco >= f->vco_min_khz && vco <= f->vco_max_khz);
			assert_int_equal(s.c1, 2 * s.c0);
			assert_true(khz(&s, s.c0) <= high);
			assert_true(high - khz(&s, s.c0) <= high / 80);
		}
	}
}

static void other_pairs(void **state)
{
	const struct iopll_family *f = iopll_family(0);
	struct iopll_settings s;

	(void)state;
	assert_true(iopll_solve(f, REFERENCE, 400000, 400000, &s));
	assert_int_equal(s.c0, s.c1);
	assert_int_equal(khz(&s, s.c0), 400000);
	assert_true(iopll_solve(f, REFERENCE, 300000, 200000, &s));
	assert_int_equal(khz(&s, s.c0), 300000);
	assert_int_equal(khz(&s, s.c1), 200000);
	assert_true(iopll_solve(f, 125000, 250000, 125000, &s)); /* another reference */
	assert_int_equal(125000 * s.m / s.n / s.c0, 250000);
	assert_false(iopll_solve(f, 5000, 250000, 125000, &s)); /* slower than the phase is compared */
}

/* ---- measuring and setting ---- */

static void measured(uint64_t high, uint64_t low)
{
	uint64_t hz;

	assert_int_equal(iopll_measure(&io, true, &hz), 0);
	assert_int_equal(hz, high);
	assert_int_equal(iopll_measure(&io, false, &hz), 0);
	assert_int_equal(hz, low);
}

static int set(uint32_t high, uint32_t low)
{
	struct iopll_settings s;

	assert_true(iopll_solve(iopll_family(1), REFERENCE, high, low, &s));
	return iopll_apply(&io, &s);
}

static void what_is_set_is_measured(void **state)
{
	uint32_t reference;

	(void)state;
	measured(312500000, 156250000);
	assert_int_equal(iopll_reference(&io, &reference), 0);
	assert_int_equal(reference, REFERENCE);
	for (uint64_t high = 30000; high <= 800000; high += 70000) {
		assert_int_equal(set((uint32_t)high, (uint32_t)high / 2), 0);
		if (high <= 310000)
			measured(high * 1000, high * 500);
	}
	assert_int_equal(set(300000, 200000), 0);
	measured(300000000, 200000000);
	assert_int_equal(set(800000, 800000), 0); /* a counter that is passed by */
	measured(800000000, 800000000);
}

/* Whatever number was the last, and whatever command was left half-way, in error or in reset. */
static void from_any_state(void **state)
{
	(void)state;
	for (uint64_t number = 0; number < 4; number++) {
		user_clock_reset(&pll);
		user_clock_written(&pll, USER_CLOCK_CMD0, 1ull << 52 | number << 48 | 0x149ull << 32);
		assert_int_equal(set(200000, 100000), 0);
		measured(200000000, 100000000);
		user_clock_written(&pll, USER_CLOCK_CMD0, 1ull << 57 | number << 48);
		assert_int_equal(set(250000, 125000), 0);
		measured(250000000, 125000000);
	}
}

static void a_pll_that_does_not_lock(void **state)
{
	const struct iopll_settings slow = { .m = 8, .n = 10, .c0 = 2, .c1 = 4, .filter = 3 };
	uint64_t hz = 5;

	(void)state;
	assert_int_equal(iopll_apply(&io, &slow), -EAGAIN);
	assert_int_equal(iopll_measure(&io, true, &hz), -EAGAIN);
	assert_int_equal(hz, 5);
	assert_int_equal(set(200000, 100000), 0); /* and it can be mended */
}

static void a_machine_that_does_not_answer(void **state)
{
	(void)state;
	deaf_after = 5;
	assert_int_equal(set(200000, 100000), -ETIMEDOUT);
	deaf_after = 0;
	assert_int_equal(set(200000, 100000), 0);
}

static void a_machine_in_error(void **state)
{
	(void)state;
	deaf_after = 5;
	forced = 1ull << 63;
	assert_int_equal(set(200000, 100000), -EIO);
}

static void a_counter_that_measures_the_other(void **state)
{
	uint64_t hz;

	(void)state;
	deaf_after = 1;
	assert_int_equal(iopll_measure(&io, false, &hz), 0);
	assert_int_equal(iopll_measure(&io, true, &hz), -ETIMEDOUT);
}

static void a_card_that_went(void **state)
{
	uint32_t reference;
	uint64_t hz;

	(void)state;
	forced = UINT64_MAX;
	assert_int_equal(iopll_measure(&io, true, &hz), -ENODEV);
	assert_int_equal(iopll_reference(&io, &reference), -ENODEV);
	assert_int_equal(set(200000, 100000), -ENODEV);
	forced = 0;
	failing = -EACCES;
	assert_int_equal(iopll_measure(&io, true, &hz), -EACCES);
	assert_int_equal(set(200000, 100000), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_settings),
		cmocka_unit_test(every_clock),
		cmocka_unit_test(other_pairs),
		RIGGED(what_is_set_is_measured),
		RIGGED(from_any_state),
		RIGGED(a_pll_that_does_not_lock),
		RIGGED(a_machine_that_does_not_answer),
		RIGGED(a_machine_in_error),
		RIGGED(a_counter_that_measures_the_other),
		RIGGED(a_card_that_went),
	};

	return RUN(tests);
}
