/* SPDX-License-Identifier: BSD-3-Clause */
/* The watcher for hazards: which accesses to one line it warns of, and of which it does not. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"

#define SEEDS 20u
#define LINE(n) (RIG_IOVA + UINT64_C(64) * (n))
#define ID 0x10u /* of the first access; the next ones follow */

static struct sim_rig rig;
static uint64_t next_id;

/* Answers to writes are left to the test, as those to reads always are. */
static void start(bool hazards, bool shuffle, uint64_t seed)
{
	struct settings set;

	settings_default(&set);
	set.hazards = hazards;
	set.shuffle = shuffle;
	set.order_seed = seed;
	sim_rig_up(&rig, &set);
	sim_rig_get(&rig, 0); /* the reset is over */
	rig.afu.deaf = true;
	next_id = ID;
}

static int up(void **state)
{
	(void)state;
	start(true, false, 0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	sim_rig_down(&rig);
	return 0;
}

static void read_bytes(uint64_t iova, uint32_t bytes, bool after_writes)
{
	struct host_read r = {
		.cookie = next_id++, .iova = iova, .bytes = bytes, .after_writes = after_writes
	};

	assert_true(host_read(&rig.h.port, &r));
}

static void read_line(uint64_t iova)
{
	read_bytes(iova, HOST_LINE, false);
}

static void write_bytes(uint64_t iova, uint32_t bytes, bool ordered)
{
	struct host_write w = { .cookie = next_id++, .iova = iova, .bytes = bytes, .enables = UINT64_MAX,
				.ordered = ordered, .data = rig.mem };

	assert_true(host_write(&rig.h.port, &w));
}

static void write_line(uint64_t iova)
{
	write_bytes(iova, HOST_LINE, false);
}

static void fence(void)
{
	assert_true(host_fence(&rig.h.port, next_id++, 0));
}

static void take_all(void)
{
	struct host_read_line l;
	struct host_write_done d;

	while (!host_quiet(&rig.h)) {
		host_cycle(&rig.h);
		host_take_read(&rig.h.port, &l);
		host_take_write(&rig.h.port, &d);
	}
}

static uint64_t warned(const char *rule)
{
	for (unsigned int i = 0; i < rig.h.log.num_rules; i++)
		if (!strcmp(rig.h.log.rules[i].name, rule))
			return rig.h.log.rules[i].warnings;
	return 0;
}

static void hazards_are(uint64_t raw, uint64_t war, uint64_t waw)
{
	assert_int_equal(warned("hazard-raw"), raw);
	assert_int_equal(warned("hazard-war"), war);
	assert_int_equal(warned("hazard-waw"), waw);
	assert_int_equal(rig.h.log.warnings, raw + war + waw);
	assert_int_equal(rig.h.log.errors, 0);
}

/* The last line of the file with the warnings. */
static void told(const char *text)
{
	char path[64], line[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/ccip_warning_and_errors.txt", rig.dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		;
	fclose(f);
	assert_non_null(strstr(line, text));
}

/* ---- what it warns of ---- */

static void a_read_of_what_is_being_written(void **state)
{
	(void)state;
	write_line(LINE(3));
	read_line(LINE(3));
	hazards_are(1, 0, 0);
	told("hazard-raw\tline 0x1000c0: read 0x11, while write 0x10 ");
}

static void a_write_to_what_is_being_read(void **state)
{
	(void)state;
	read_line(LINE(3));
	write_line(LINE(3));
	hazards_are(0, 1, 0);
	told("hazard-war\tline 0x1000c0: write 0x11, while read 0x10 ");
}

static void a_write_to_what_is_being_written(void **state)
{
	(void)state;
	write_line(LINE(3));
	write_line(LINE(3));
	hazards_are(0, 0, 1);
	told("hazard-waw\tline 0x1000c0: write 0x11, while write 0x10 ");
}

static void a_write_may_meet_both(void **state)
{
	(void)state;
	read_line(LINE(0));
	write_line(LINE(0));
	write_line(LINE(0));
	hazards_are(0, 2, 1);
}

static void the_line_that_both_have_is_told(void **state)
{
	(void)state;
	read_bytes(LINE(0), 4 * HOST_LINE, false);
	write_line(LINE(2));
	told("line 0x100080: write");
	read_bytes(LINE(1), 4 * HOST_LINE, false);
	told("line 0x100080: read");
	hazards_are(1, 1, 0);
}

static void bytes_that_lie_across_two_lines_are_of_both(void **state)
{
	(void)state;
	read_bytes(LINE(0) + 60, 8, false);
	write_bytes(LINE(1) + 32, 4, false);
	told("line 0x100040: write");
	write_bytes(LINE(0), 4, false);
	told("line 0x100000: write");
	hazards_are(0, 2, 0);
}

/* ---- what it does not warn of ---- */

static void reads_alone_and_other_lines(void **state)
{
	(void)state;
	read_line(LINE(0));
	read_line(LINE(0));
	write_line(LINE(1));
	read_line(LINE(2));
	write_line(LINE(3));
	hazards_are(0, 0, 0);
}

static void what_has_its_answer(void **state)
{
	(void)state;
	write_line(LINE(0));
	take_all();
	write_line(LINE(0));
	take_all();
	read_line(LINE(0));
	take_all();
	write_line(LINE(0));
	hazards_are(0, 0, 0);
}

static void what_was_before_a_reset(void **state)
{
	(void)state;
	write_line(LINE(0));
	host_ask_reset(&rig.h);
	do
		host_cycle(&rig.h);
	while (rig.h.port.reset);
	read_line(LINE(0));
	assert_int_equal(rig.h.log.warnings, 0);
}

static void writes_with_a_fence_between(void **state)
{
	(void)state;
	write_line(LINE(0));
	fence();
	write_line(LINE(0));
	hazards_are(0, 0, 0);
	write_line(LINE(0));
	hazards_are(0, 0, 1);
}

static void write_on(uint32_t channel)
{
	struct host_write w = { .cookie = next_id++, .iova = LINE(0), .bytes = HOST_LINE,
				.channel = channel, .enables = UINT64_MAX, .data = rig.mem };

	assert_true(host_write(&rig.h.port, &w));
}

/* Of one channel and of another it says nothing, nor of what travels on any. */
static void writes_with_a_fence_of_a_channel_between(void **state)
{
	(void)state;
	write_on(1);
	assert_true(host_fence(&rig.h.port, next_id++, 1));
	write_on(1);
	hazards_are(0, 0, 0);
	write_on(2);
	hazards_are(0, 0, 1);
	assert_true(host_fence(&rig.h.port, next_id++, 1));
	write_on(1);
	hazards_are(0, 0, 2);
	assert_true(host_fence(&rig.h.port, next_id++, 1));
	write_on(0);
	hazards_are(0, 0, 3);
	assert_true(host_fence(&rig.h.port, next_id++, 0));
	write_on(3);
	hazards_are(0, 0, 3);
}

static void a_fence_holds_no_read_until_it_is_answered(void **state)
{
	(void)state;
	write_line(LINE(0));
	fence();
	read_line(LINE(0));
	hazards_are(1, 0, 0);
	take_all();
	read_line(LINE(0));
	hazards_are(1, 0, 0);
}

static void what_the_interface_orders(void **state)
{
	(void)state;
	write_bytes(LINE(0), HOST_LINE, true);
	write_bytes(LINE(0), HOST_LINE, true);
	read_bytes(LINE(0), HOST_LINE, true);
	hazards_are(0, 0, 0);
	write_bytes(LINE(0), HOST_LINE, true); /* which may overtake the read */
	hazards_are(0, 1, 0);
	write_line(LINE(0));
	hazards_are(0, 2, 1);
}

static void whatever_the_order_the_same_is_found(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		sim_rig_down(&rig);
		start(true, true, seed);
		write_line(LINE(0));
		write_line(LINE(1));
		fence();
		sim_rig_cycles(&rig, seed);
		write_line(LINE(0));
		fence();
		write_line(LINE(1));
		hazards_are(0, 0, 0);
		write_line(LINE(1));
		hazards_are(0, 0, 1);
	}
}

static void nothing_is_looked_for_unless_it_is_asked_for(void **state)
{
	(void)state;
	sim_rig_down(&rig);
	start(false, false, 0);
	write_line(LINE(0));
	write_line(LINE(0));
	read_line(LINE(0));
	hazards_are(0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_read_of_what_is_being_written),
		RIGGED(a_write_to_what_is_being_read),
		RIGGED(a_write_to_what_is_being_written),
		RIGGED(a_write_may_meet_both),
		RIGGED(the_line_that_both_have_is_told),
		RIGGED(bytes_that_lie_across_two_lines_are_of_both),
		RIGGED(reads_alone_and_other_lines),
		RIGGED(what_has_its_answer),
		RIGGED(what_was_before_a_reset),
		RIGGED(writes_with_a_fence_between),
		RIGGED(writes_with_a_fence_of_a_channel_between),
		RIGGED(a_fence_holds_no_read_until_it_is_answered),
		RIGGED(what_the_interface_orders),
		RIGGED(whatever_the_order_the_same_is_found),
		RIGGED(nothing_is_looked_for_unless_it_is_asked_for),
	};

	return RUN(tests);
}
