/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's part of docs/coherence.md, before a server that a script plays. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/client/pages.h"
#include "tests/unit/pages-rig.h"
#include "tests/unit/trap-rig.h"

#define MIB (1u << 20)

static void write64(uint64_t offset, uint64_t v)
{
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, offset, v), FPGA_OK);
}

static uint64_t read64(uint64_t offset)
{
	uint64_t v = 0;

	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, offset, &v), FPGA_OK);
	return v;
}

static uint64_t load(const unsigned char *at)
{
	return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void put(unsigned char *at, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)at, v, __ATOMIC_RELEASE);
}

static void await_load(const unsigned char *at, uint64_t want)
{
	int64_t until = clock_deadline(20 * NS_PER_S);

	while (load(at) != want)
		assert_true(clock_now_ns() < until);
}

static void fill(unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 31 + (i >> 12) * 7 + 1);
}

/* ---- reading and writing ---- */

static int up_small(void **state)
{
	(void)state;
	return pages_up(64 * PAGE);
}

static int up_large(void **state)
{
	(void)state;
	return pages_up(8 * MIB);
}

static void a_touch_brings_what_the_device_has(void **state)
{
	unsigned char *at;

	(void)state;
	fill(pr.memory, pr.len);
	at = pages_prepare(0);
	assert_int_equal(pr.prepare_flags, 4);
	assert_int_equal(pr.holds, 0);
	assert_int_equal(load(at + 8 * PAGE), pages_word(8 * PAGE));
	assert_int_equal(pr.holds, 1);
	assert_int_equal(pr.longest_hold, 16 * PAGE);
	assert_int_equal(load(at + 2 * PAGE), pages_word(2 * PAGE));
	assert_int_equal(pr.holds, 2);
	assert_true(pages_has(0, at, pr.len));
}

static void reading_in_sequence_asks_for_more_and_more(void **state)
{
	const unsigned char *at;

	(void)state;
	fill(pr.memory, pr.len);
	at = pages_prepare(0);
	assert_true(pages_has(0, at, pr.len));
	assert_int_equal(pr.longest_hold, 64 * PAGE);
	assert_in_range(pr.holds, 32, 46);
	assert_in_range(pr.most_held, 64, 512);
	assert_in_range(pr.drops, 4, 100);
	assert_int_equal(pr.writebacks, 0);
}

/* More places are touched than streams are remembered, and then one of the others goes on. */
static void who_goes_on_leaves_what_is_his_alone(void **state)
{
	const unsigned char *at;
	uint32_t holds;

	(void)state;
	at = pages_prepare(0);
	for (size_t page = 0; page <= STREAMS * 100; page += 100)
		load(at + page * PAGE);
	assert_int_equal(pr.holds, STREAMS + 1);
	for (unsigned int i = 0; i < 8; i++) /* the last window, and the one behind it */
		load(at + (STREAMS * 100 + i) * PAGE);
	holds = pr.holds;
	assert_int_equal(holds, STREAMS + 2);
	load(at); /* of a stream that was forgotten */
	assert_int_equal(pr.holds, holds);
	load(at + STREAMS * 100 * PAGE);
	assert_int_equal(pr.holds, holds + 1);
}

static void what_was_stored_is_there_before_the_register_write(void **state)
{
	unsigned char *at = pages_prepare(0);

	(void)state;
	for (uint64_t i = 1; i < 50; i++) {
		put(at + 8 * i, i);
		put(at + 40 * PAGE, i << 8);
		write64(8, i);
		assert_int_equal(read64(8 * i), i);
		assert_int_equal(pages_word(40 * PAGE), i << 8);
	}
}

static void writing_in_sequence_leaves_nothing_out(void **state)
{
	unsigned char *at = pages_prepare(0);

	(void)state;
	for (int round = 0; round < 3; round++) {
		fill(at, pr.len);
		at[5 * MIB] = (unsigned char)round;
		write64(8, 1);
		read64(0);
		for (size_t i = 0; i < pr.len; i += PAGE) /* the program's view would be asked for */
			assert_int_equal(pages_word(i) >> 8 & 0xff, (unsigned char)(32 + (i >> 12) * 7));
		assert_int_equal(pages_word(5 * MIB) & 0xff, round);
	}
	assert_in_range(pr.most_held, 256, 512);
}

/* As above, but with registers written in between, and stores elsewhere. */
static void writing_in_pieces_leaves_nothing_out(void **state)
{
	unsigned char *at = pages_prepare(0), *want = malloc(pr.len);
	unsigned int seed = 1;

	(void)state;
	memset(want, 0, pr.len);
	for (int round = 1; round < 4; round++)
		for (size_t from = 0; from < pr.len; from += 64 * PAGE) {
			/* one place a piece, among them pages that are there before their turn */
			size_t far = (from + (size_t)rand_r(&seed) % (320 * PAGE)) % pr.len;

			memset(at + from, round * 16 + (int)(from % 15), 64 * PAGE);
			memset(want + from, round * 16 + (int)(from % 15), 64 * PAGE);
			at[far] = want[far] = (unsigned char)seed;
			if (round == 2 && from % (256 * PAGE))
				continue;
			write64(8, 1);
			read64(0);
			assert_true(pages_has(from, want + from, 64 * PAGE));
			assert_true(pages_has(far, want + far, 1));
		}
	assert_true(pages_has(0, want, pr.len));
	free(want);
}

static void what_is_stored_arrives_without_a_call(void **state)
{
	unsigned char *at = pages_prepare(0);

	(void)state;
	for (uint64_t i = 1; i < 20; i++) {
		put(at + 3 * PAGE, i);
		assert_true(pages_await_word(3 * PAGE, i));
	}
}

static void an_untouched_buffer_costs_no_message(void **state)
{
	unsigned char *at = pages_prepare(0);
	unsigned int writebacks;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		write64(8, i);
	read64(0);
	assert_int_equal(pr.holds + pr.writebacks + pr.drops, 0);
	at[0] = 1;
	write64(8, 1);
	read64(0);
	writebacks = pr.writebacks;
	assert_in_range(writebacks, 1, 2); /* what goes by itself may go between the touch and the store */
	write64(8, 2);
	read64(0);
	assert_int_equal(pr.writebacks, writebacks);
}

/* Pages of [at, at + len) that the program's view has. */
static unsigned int shown(const unsigned char *at, size_t len)
{
	uint64_t entries[64];
	unsigned int num = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && len <= sizeof(entries) / 8 * PAGE);
	assert_int_equal(pread(fd, entries, len / PAGE * 8, (off_t)((uintptr_t)at / PAGE * 8)),
			 len / PAGE * 8);
	close(fd);
	for (size_t i = 0; i < len / PAGE; i++)
		num += entries[i] >> 63 ? 1 : 0; /* present */
	return num;
}

/* The device changes two pages: one cut. */
static bool change_two(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	if (offset != 64)
		return true;
	device_store(l, 128, &value, 8);
	device_store(l, PAGE + 128, &value, 8);
	say_cut(l);
	return true;
}

static void rest_of(const unsigned char *at)
{
	int64_t until = clock_deadline(20 * NS_PER_S);

	for (uint64_t i = 0; shown(at, pr.len); i++) {
		write64(8, i);
		assert_true(clock_now_ns() < until);
	}
}

static void pages_rest_that_nobody_writes(void **state)
{
	unsigned char *at;
	unsigned int holds;

	(void)state;
	pr.on_write = change_two;
	fill(pr.memory, pr.len);
	at = pages_prepare(0);
	assert_true(pages_has(0, at, pr.len));
	holds = pr.holds;
	assert_true(shown(at, pr.len) > 0);
	rest_of(at);
	assert_true(pages_has(0, at, pr.len)); /* watched all the time: nobody is asked */
	assert_int_equal(pr.holds, holds);
	rest_of(at);
	write64(64, 77);
	await_load(at + PAGE + 128, 77);
	assert_int_equal(load(at + 128), 77);
	rest_of(at);
	put(at + 3 * PAGE, 4711);
	write64(8, 1);
	read64(0);
	assert_int_equal(pages_word(3 * PAGE), 4711);
	assert_int_equal(pr.holds, holds);
}

/* However many frames one has. */
static void a_release_is_a_group(void **state)
{
	unsigned char *at = pages_prepare(FPGA_BUF_READ_ONLY);
	unsigned int before;

	(void)state;
	at[0] = 1;
	write64(8, 1);
	read64(0);
	before = atomic_load(&pr.groups);
	assert_true(before > 0);
	for (unsigned int i = 0; i < 40; i++)
		at[(i / 20 * 60 + i) * PAGE] = (unsigned char)(i + 1);
	write64(8, 2);
	read64(0);
	assert_true(atomic_load(&pr.groups) > before);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(pages_word((i / 20 * 60 + i) * PAGE), i + 1);
	before = atomic_load(&pr.groups);
	write64(8, 3); /* nothing new */
	read64(0);
	assert_int_equal(atomic_load(&pr.groups), before);
}

static void a_read_only_buffer_is_never_asked_for(void **state)
{
	unsigned char *at = pages_prepare(FPGA_BUF_READ_ONLY);

	(void)state;
	assert_int_equal(pr.prepare_flags, 5);
	fill(at, pr.len);
	write64(8, 1);
	read64(0);
	assert_true(pages_has(0, at, pr.len));
	at[7 * PAGE] = 99;
	write64(8, 2);
	read64(0);
	assert_int_equal(pages_word(7 * PAGE) & 0xff, 99);
	assert_int_equal(pr.holds + pr.drops, 0);
}

static void writing_into_a_read_only_buffer_leaves_nothing_out(void **state)
{
	unsigned char *at = pages_prepare(FPGA_BUF_READ_ONLY);

	(void)state;
	for (int round = 1; round < 5; round++) {
		memset(at, round, pr.len);
		at[3 * MIB] = (unsigned char)(64 + round);
		write64(8, 1);
		read64(0);
		assert_true(pages_has(0, at, pr.len));
		at[5 * MIB + 8] = (unsigned char)(128 + round);
		assert_true(pages_await_word(5 * MIB + 8, load(at + 5 * MIB + 8)));
	}
	assert_int_equal(pr.holds + pr.drops, 0);
}

static void a_register_read_finds_few_pages_held(void **state)
{
	unsigned char *at = pages_prepare(0);
	int64_t until = clock_deadline(20 * NS_PER_S);

	(void)state;
	memset(at, 1, 2 * MIB);
	assert_in_range(pr.most_held, 65, 512);
	do { /* what was just being asked for ahead is dropped before the next one */
		assert_true(clock_now_ns() < until);
		read64(0);
	} while (pr.now_held > 64);
	assert_int_equal(at[MIB], 1);
}

/* ---- system calls ---- */

static void system_calls_take_untouched_pages(void **state)
{
	unsigned char *at, got[3 * PAGE];
	int fds[2];

	(void)state;
	fill(pr.memory, pr.len);
	at = pages_prepare(0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], at + 100, sizeof(got)), sizeof(got));
	assert_int_equal(read(fds[0], got, sizeof(got)), sizeof(got));
	assert_true(pages_has(100, got, sizeof(got)));
	memset(got, 0x5a, sizeof(got));
	assert_int_equal(write(fds[1], got, sizeof(got)), sizeof(got));
	assert_int_equal(read(fds[0], at + 50 * PAGE + 7, sizeof(got)), sizeof(got));
	write64(8, 1);
	read64(0);
	assert_true(pages_has(50 * PAGE + 7, got, sizeof(got)));
	close(fds[0]);
	close(fds[1]);
}

static void a_call_takes_its_values_from_a_buffer(void **state)
{
	unsigned char *at = pages_prepare(0);
	uint64_t v = 0;

	(void)state;
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0, at + 20 * PAGE), FPGA_OK);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, (uint64_t *)(void *)(at + 50 * PAGE)), FPGA_OK);
	assert_int_equal(load(at + 50 * PAGE), v);
}

/* ---- what the device does ---- */

static bool flag_after_data(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	uint64_t words[64];

	(void)offset;
	for (unsigned int i = 0; i < 64; i++)
		words[i] = value;
	for (unsigned int i = 1; i < 9; i++)
		device_store(l, i * PAGE + 128, words, sizeof(words));
	if (value % 3 == 0) {
		memset(pr.memory + 9 * PAGE, (int)value, PAGE);
		if (pr.held[9])
			say_stale(l, 9 * PAGE, PAGE);
	} else {
		device_store(l, 9 * PAGE, words, 8);
	}
	device_store(l, 64, &value, 8);
	say_cut(l);
	return true;
}

static void a_flag_comes_with_its_data(void **state)
{
	unsigned char *at;

	(void)state;
	pr.on_write = flag_after_data;
	at = pages_prepare(0);
	for (uint64_t round = 1; round <= 300; round++) {
		write64(8, round);
		await_load(at + 64, round);
		for (unsigned int i = 1; i < 9; i++)
			assert_int_equal(load(at + i * PAGE + 128 + 8 * (round % 64)), round);
		assert_int_equal(at[9 * PAGE], round & 0xff);
	}
}

#define STOP UINT64_C(0xffff)

/* The device has the odd words of a line, the program the even ones. */
static bool odd_words(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	for (unsigned int i = 1; i < 8; i += 2)
		device_store(l, 8 * i, &value, 8);
	say_cut(l);
	return true;
}

static void *store_even_words(void *arg)
{
	unsigned char *at = arg;

	for (uint64_t n = 1; n <= 20000; n++)
		for (unsigned int i = 0; i < 8; i += 2)
			put(at + 8 * i, n);
	return NULL;
}

static void program_and_device_share_a_line(void **state)
{
	unsigned char *at;
	pthread_t thread;

	(void)state;
	pr.on_write = odd_words;
	at = pages_prepare(0);
	put(at, 0);
	assert_int_equal(pthread_create(&thread, NULL, store_even_words, at), 0);
	for (uint64_t n = 1; n <= 500; n++)
		write64(8, n);
	pthread_join(thread, NULL);
	write64(8, STOP);
	read64(0);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(load(at + 8 * i), i % 2 ? STOP : 20000);
		if (i % 2 == 0)
			assert_int_equal(pages_word(8 * i), 20000);
	}
}

/* ---- many threads ---- */

struct toucher {
	pthread_t thread;
	unsigned char *at;
	unsigned int number, bad;
};

/* Each has a word of its own in every page, and no one else stores there. */
static void *touch_pages(void *arg)
{
	struct toucher *t = arg;
	unsigned int seed = t->number, pages = (unsigned int)(pr.len / PAGE);
	uint64_t *mine = calloc(pages, sizeof(*mine));

	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int page = (unsigned int)rand_r(&seed) % pages;
		unsigned char *at = t->at + (size_t)page * PAGE + 1024 + 8 * t->number;

		t->bad += load(at) != mine[page];
		put(at, mine[page] = i + 1);
	}
	free(mine);
	return NULL;
}

static bool stir_pages(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	for (unsigned int i = 0; i < pr.len / PAGE; i += 7)
		device_store(l, (uint64_t)i * PAGE + 8, &value, 8);
	if (value % 4 == 0)
		for (unsigned int i = 0; i < pr.len / PAGE; i += 5)
			if (pr.held[i])
				say_stale(l, (uint64_t)i * PAGE, PAGE);
	say_cut(l);
	(void)offset;
	return true;
}

static void many_threads_lose_nothing(void **state)
{
	struct toucher t[4];
	unsigned char *at;

	(void)state;
	pr.on_write = stir_pages;
	at = pages_prepare(0);
	for (unsigned int i = 0; i < 4; i++) {
		t[i] = (struct toucher){ .at = at, .number = i };
		assert_int_equal(pthread_create(&t[i].thread, NULL, touch_pages, &t[i]), 0);
	}
	for (uint64_t n = 1; n <= 200; n++)
		write64(8, n);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(t[i].thread, NULL);
		assert_int_equal(t[i].bad, 0);
	}
	write64(8, 1001);
	read64(0);
	for (size_t i = 0; i < pr.len; i += 7 * PAGE)
		assert_int_equal(load(at + i + 8), 1001);
	for (size_t i = 0; i < pr.len; i += PAGE)
		for (unsigned int k = 0; k < 4; k++)
			assert_int_equal(pages_word(i + 1024 + 8 * k), load(at + i + 1024 + 8 * k));
}

/* ---- life ---- */

static void a_buffer_is_released_while_its_pages_change(void **state)
{
	(void)state;
	pr.on_write = stir_pages;
	for (unsigned int round = 0; round < 30; round++) {
		unsigned char *at = pages_prepare(0);

		memset(pr.held, 0, sizeof(pr.held));
		for (size_t i = 0; i < pr.len; i += 3 * PAGE)
			at[i] = 1;
		for (uint64_t n = 1; n <= 8; n++)
			write64(8, n);
		assert_int_equal(rig.t.fpgaReleaseBuffer(h, WSID), FPGA_OK);
	}
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, up_small, pages_down)
#define LARGE(f) cmocka_unit_test_setup_teardown(f, up_large, pages_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(a_touch_brings_what_the_device_has),
		LARGE(reading_in_sequence_asks_for_more_and_more),
		LARGE(who_goes_on_leaves_what_is_his_alone),
		SMALL(what_was_stored_is_there_before_the_register_write),
		LARGE(writing_in_sequence_leaves_nothing_out),
		LARGE(writing_in_pieces_leaves_nothing_out),
		LARGE(writing_into_a_read_only_buffer_leaves_nothing_out),
		SMALL(what_is_stored_arrives_without_a_call),
		SMALL(an_untouched_buffer_costs_no_message),
		SMALL(pages_rest_that_nobody_writes),
		SMALL(a_read_only_buffer_is_never_asked_for),
		LARGE(a_release_is_a_group),
		LARGE(a_register_read_finds_few_pages_held),
		SMALL(system_calls_take_untouched_pages),
		SMALL(a_call_takes_its_values_from_a_buffer),
		SMALL(a_flag_comes_with_its_data),
		SMALL(program_and_device_share_a_line),
		SMALL(many_threads_lose_nothing),
		SMALL(a_buffer_is_released_while_its_pages_change),
	};

	return trap_missing() ? 0 : RUN(tests);
}
