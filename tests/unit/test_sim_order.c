/* SPDX-License-Identifier: BSD-3-Clause */
/* What order a simulation's host keeps, and what it does not: strict, and shuffled with many seeds. */
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"

#define DST (RIG_BYTES / 2)
#define FLAG_AT (RIG_BYTES - 64)
#define LINES 16u
#define SEEDS 40u

static struct sim_rig rig;

static void start(bool shuffle, uint64_t seed, uint64_t ctl)
{
	struct settings set;

	settings_default(&set);
	set.shuffle = shuffle;
	set.order_seed = seed;
	sim_rig_up(&rig, &set);
	sim_rig_set(&rig, FAKE_FLAG_AT, RIG_IOVA + FLAG_AT);
	sim_rig_copy(&rig, 0, DST, LINES, ctl);
}

static bool flagged(void)
{
	uint64_t flag;

	memcpy(&flag, rig.mem + FLAG_AT, sizeof(flag));
	return flag == LINES;
}

static bool fired(void)
{
	return sim_rig_fired(&rig);
}

static bool all_there(void)
{
	return sim_rig_copied(&rig, DST, LINES);
}

/* Was all data in memory when the sign was seen? At the end it is, in any case. */
static bool sign_after_data(bool (*sign)(void), bool shuffle, uint64_t seed, uint64_t ctl)
{
	bool good;

	start(shuffle, seed, ctl);
	for (unsigned int i = 0; !sign(); i++) {
		host_cycle(&rig.h);
		assert_true(i < 100000);
	}
	good = all_there();
	sim_rig_settle(&rig);
	assert_true(all_there());
	assert_int_equal(rig.h.log.errors, 0);
	sim_rig_down(&rig);
	return good;
}

static unsigned int seeds_in_which_it_fails(bool (*sign)(void), uint64_t ctl)
{
	unsigned int failures = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++)
		failures += !sign_after_data(sign, true, seed, ctl);
	return failures;
}

static void strict_order_hides_a_missing_fence(void **state)
{
	(void)state;
	assert_true(sign_after_data(flagged, false, 0, FAKE_FLAG));
	assert_true(sign_after_data(fired, false, 0, FAKE_INTERRUPT | 3 << 8));
}

static void shuffled_a_missing_fence_shows(void **state)
{
	(void)state;
	assert_true(seeds_in_which_it_fails(flagged, FAKE_FLAG) > SEEDS / 4);
	assert_true(seeds_in_which_it_fails(fired, FAKE_INTERRUPT | 3 << 8) > SEEDS / 4);
}

static void shuffled_a_fence_holds(void **state)
{
	(void)state;
	assert_int_equal(seeds_in_which_it_fails(flagged, FAKE_FLAG | FAKE_FENCE), 0);
	assert_int_equal(seeds_in_which_it_fails(fired, FAKE_INTERRUPT | FAKE_FENCE | 3 << 8), 0);
}

static void shuffled_posted_writes_stay_in_order(void **state)
{
	(void)state;
	assert_int_equal(seeds_in_which_it_fails(flagged, FAKE_FLAG | FAKE_ORDERED), 0);
	assert_int_equal(seeds_in_which_it_fails(fired, FAKE_INTERRUPT | FAKE_ORDERED | 3 << 8), 0);
}

/* A register tells that the last write has left; it need not have arrived, unless it is posted. */
static bool data_before_register(uint64_t seed, uint64_t ctl)
{
	bool good;

	start(true, seed, ctl);
	while (rig.afu.phase != FAKE_WAITING)
		host_cycle(&rig.h);
	sim_rig_get(&rig, FAKE_STATUS);
	good = all_there();
	sim_rig_settle(&rig);
	sim_rig_down(&rig);
	return good;
}

static void a_register_read_pushes_posted_writes_alone(void **state)
{
	unsigned int late = 0;

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		assert_true(data_before_register(seed, FAKE_ORDERED));
		late += !data_before_register(seed, FAKE_FENCE);
	}
	assert_true(late > SEEDS / 2);
}

/* ---- reads ---- */

static void ask(uint64_t cookie, uint64_t offset, uint32_t bytes, bool ordered)
{
	struct host_read r = {
		.cookie = cookie, .iova = RIG_IOVA + offset, .bytes = bytes, .ordered = ordered
	};

	assert_true(host_read(&rig.h.port, &r));
}

/* Takes all lines; true: they came as they were asked for. Each must be the right one, and `last` once. */
static bool lines_in_order(unsigned int requests, uint32_t pieces, bool within)
{
	uint64_t next = 0, in_request[64] = { 0 }, seen = 0;
	struct host_read_line l;
	bool good = true;

	while (seen < requests * pieces) {
		host_cycle(&rig.h);
		if (!host_take_read(&rig.h.port, &l))
			continue;
		assert_false(host_take_read(&rig.h.port, &l)); /* one a cycle */
		assert_memory_equal(l.data, rig.mem + l.cookie * 512 + l.index * HOST_LINE, l.bytes);
		if (within)
			good &= l.index == in_request[l.cookie];
		else
			good &= l.cookie * pieces + l.index == next;
		assert_int_equal(l.last, ++in_request[l.cookie] == pieces);
		next++;
		seen++;
	}
	return good;
}

static bool reads_in_order(bool shuffle, bool ordered, bool within)
{
	bool good;

	start(shuffle, 7, 0);
	sim_rig_settle(&rig);
	for (uint64_t i = 0; i < 16; i++)
		ask(i, i * 512, 256, ordered);
	good = lines_in_order(16, 4, within);
	sim_rig_down(&rig);
	return good;
}

static void reads_are_answered_as_order_says(void **state)
{
	(void)state;
	assert_true(reads_in_order(false, false, false));
	assert_false(reads_in_order(true, false, false));
	assert_false(reads_in_order(true, false, true));
	assert_true(reads_in_order(true, true, true)); /* in each request, but not between them */
	assert_false(reads_in_order(true, true, false));
}

static void a_read_may_begin_and_end_anywhere(void **state)
{
	struct host_read_line l;
	uint32_t got = 0;

	(void)state;
	start(false, 0, 0);
	sim_rig_settle(&rig);
	ask(1, 20, 100, true);
	while (got < 100) {
		host_cycle(&rig.h);
		if (!host_take_read(&rig.h.port, &l))
			continue;
		assert_int_equal(l.bytes, got ? 36 : 64);
		assert_memory_equal(l.data, rig.mem + 20 + got, l.bytes);
		got += l.bytes;
	}
	sim_rig_down(&rig);
}

/* ---- fences ---- */

/* A fence is answered after all before it and before all after it. */
static void answers_keep_to_the_fence(void **state)
{
	struct host_write w = { .iova = RIG_IOVA + DST, .bytes = 8, .enables = UINT64_MAX, .data = rig.dir };

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct host_write_done d;
		unsigned int before = 0, after = 0;

		start(true, seed, 0);
		sim_rig_settle(&rig);
		rig.afu.deaf = true;
		for (w.cookie = 0; w.cookie < 21; w.cookie++)
			assert_true(w.cookie == 10 ? host_fence(&rig.h.port, 10, 0) :
						     host_write(&rig.h.port, &w));
		while (before + after < 20) {
			host_cycle(&rig.h);
			if (!host_take_write(&rig.h.port, &d))
				continue;
			if (d.kind == HOST_FENCE)
				assert_true(before == 10 && !after);
			before += d.cookie < 10;
			after += d.cookie > 10;
			assert_true(before == 10 || !after);
		}
		sim_rig_down(&rig);
	}
}

/* Of the seeds, those in which what was accepted second, after a fence, is done first. */
static unsigned int overtakes(uint32_t first, uint32_t fence, uint32_t second)
{
	struct host_write w = { .iova = RIG_IOVA + DST, .bytes = 8, .enables = UINT64_MAX, .data = rig.dir };
	unsigned int num = 0;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct host_write_done d;
		uint64_t done = 0;

		start(true, seed, 0);
		sim_rig_settle(&rig);
		rig.afu.deaf = true;
		for (w.cookie = 1; w.cookie <= 2; w.cookie++) {
			w.channel = w.cookie == 1 ? first : second;
			assert_true(host_write(&rig.h.port, &w));
			assert_true(w.cookie == 2 || host_fence(&rig.h.port, 0, fence));
		}
		while (!done) {
			host_cycle(&rig.h);
			if (host_take_write(&rig.h.port, &d))
				done = d.cookie;
		}
		num += done == 2;
		sim_rig_down(&rig);
	}
	return num;
}

static void a_fence_orders_its_channel(void **state)
{
	(void)state;
	for (uint32_t channel = 0; channel < HOST_CHANNELS; channel++) {
		uint32_t other = channel % 3 + 1;

		assert_int_equal(overtakes(channel, channel, channel), 0);
		assert_int_equal(overtakes(channel, 0, other), 0);
		if (channel) {
			assert_int_not_equal(overtakes(other, channel, other), 0);
			assert_int_not_equal(overtakes(other, channel, channel), 0);
			assert_int_not_equal(overtakes(channel, channel, other), 0);
			assert_int_not_equal(overtakes(0, channel, channel), 0);
		}
	}
}

static void the_same_seed_gives_the_same_cycles(void **state)
{
	uint64_t took[3];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		start(true, i < 2 ? 5 : 6, FAKE_FENCE);
		sim_rig_settle(&rig);
		took[i] = rig.afu.regs[FAKE_CYCLES / 8];
		sim_rig_down(&rig);
	}
	assert_int_equal(took[0], took[1]);
	assert_int_not_equal(took[0], took[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_order_hides_a_missing_fence),
		cmocka_unit_test(shuffled_a_missing_fence_shows),
		cmocka_unit_test(shuffled_a_fence_holds),
		cmocka_unit_test(shuffled_posted_writes_stay_in_order),
		cmocka_unit_test(a_register_read_pushes_posted_writes_alone),
		cmocka_unit_test(reads_are_answered_as_order_says),
		cmocka_unit_test(a_read_may_begin_and_end_anywhere),
		cmocka_unit_test(answers_keep_to_the_fence),
		cmocka_unit_test(a_fence_orders_its_channel),
		cmocka_unit_test(the_same_seed_gives_the_same_cycles),
	};

	return RUN(tests);
}
