/* SPDX-License-Identifier: BSD-3-Clause */
/* What differs from a twin is found to the byte, and merging loses nothing of either side. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/news.h"
#include "rpc/twin.h"
#include "tests/unit/check.h"
#include "wire/bytes.h"

#define LEN 8192u

static unsigned char memory[LEN + 16] __attribute__((aligned(64))), twin[LEN + 16];
static struct twin t;

/* Skewed: as memory of the caller's may begin at any address. */
static void fresh(size_t skew, size_t len)
{
	t = (struct twin){ memory + skew, twin, len };
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (unsigned char)(i * 7);
	memcpy(twin, t.memory, len);
}

static bool next(size_t from, size_t grain, struct twin_run *run)
{
	return twin_next(&t, from, t.len, LEN, grain, run);
}

static void each_byte_is_found(void **state)
{
	struct twin_run run;

	(void)state;
	for (size_t skew = 0; skew < 9; skew += 4) {
		fresh(skew, 1027);
		assert_false(next(0, TWIN_LINE, &run));
		for (size_t i = 0; i < t.len; i++) {
			t.memory[i] ^= 1;
			for (size_t from = i > 300 ? i - 300 : 0; from <= i; from++) {
				assert_true(next(from, TWIN_LINE, &run));
				assert_int_equal(run.at, i);
				assert_int_equal(run.len, 1);
			}
			assert_false(next(i + 1, TWIN_LINE, &run));
			assert_false(twin_next(&t, 0, i, LEN, TWIN_LINE, &run));
			t.memory[i] ^= 1;
		}
	}
}

static void neighbours_are_joined_and_ends_are_exact(void **state)
{
	struct twin_run run;

	(void)state;
	fresh(0, LEN);
	for (size_t i = 70; i < 400; i += 20)
		t.memory[i]++; /* 70 to 390: a byte at least in every line */
	assert_true(next(0, TWIN_LINE, &run));
	assert_int_equal(run.at, 70);
	assert_int_equal(run.len, 390 - 70 + 1);
	assert_true(next(0, TWIN_WORD, &run));
	assert_int_equal(run.len, 1);
	assert_true(twin_next(&t, 0, t.len, 128, TWIN_LINE, &run));
	assert_int_equal(run.at, 70);
	assert_in_range(run.len, 100, 128);
	fresh(0, LEN);
	memset(t.memory + 8, 0xff, 24); /* three words */
	memcpy(twin + 16, t.memory + 16, 1);
	assert_true(next(0, TWIN_WORD, &run));
	assert_int_equal(run.at, 8);
	assert_int_equal(run.len, 24);
}

/* Words are those of the memory, wherever it begins. */
static void words_are_fixed_at_both_ends(void **state)
{
	unsigned char out[LEN];
	struct twin_edge edges[2];
	struct twin_run run;

	(void)state;
	fresh(3, 1027);
	for (size_t i = 80; i < 100; i++)
		t.memory[i]++; /* at 83 to 102 */
	assert_true(next(0, TWIN_WORD, &run));
	assert_int_equal(run.at, 80);
	assert_int_equal(run.len, 20);
	memset(t.memory + 70, 0xfe, 40); /* meanwhile */
	twin_fix(&t, t.len, &run, edges);
	assert_int_equal(run.at, 77); /* at 80 */
	assert_int_equal(run.len, 101 - 77);
	memset(t.memory + 70, 0xfd, 40);
	twin_read(&t, &run, edges, out);
	for (size_t i = 0; i < run.len; i++)
		assert_int_equal(out[i], i < 8 || i >= 16 ? 0xfe : 0xfd);
	assert_memory_equal(twin + 77, out, run.len);
	/* what follows in the last word is told with what has changed in front of it since */
	memset(t.memory + 93, 0xfc, 8);
	run = (struct twin_run){ 97, 4 };
	twin_fix(&t, t.len, &run, edges);
	assert_int_equal(run.at, 93);
	assert_int_equal(run.len, 8);
}

/* Where a run is cut for its length, no word is. */
static void no_word_is_cut(void **state)
{
	struct twin_run run;

	(void)state;
	fresh(3, 1027);
	for (size_t i = 0; i < t.len; i++)
		t.memory[i]++;
	assert_true(twin_next(&t, 0, t.len, 64, TWIN_WORD, &run));
	assert_int_equal(run.len, 61); /* up to 64 */
	memcpy(twin, t.memory, 66);
	assert_true(twin_next(&t, 61, t.len, 64, TWIN_WORD, &run));
	assert_int_equal(run.at, 66);
	assert_int_equal(run.at + run.len, 61 + 64);
}

#define ONE 4u
#define OTHER UINT64_C(0x3333333333333333)

struct storing {
	atomic_bool stop;
	uint64_t *at;
};

static void *store_words(void *arg)
{
	struct storing *s = arg;

	for (uint64_t i = 1; !atomic_load(&s->stop); i++) {
		__atomic_store_n(s->at, i % 2 ? ONE : OTHER, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* What is gathered of a word is a value that it had, though it changes between comparing and reading. */
static void a_word_is_gathered_whole(void **state)
{
	static unsigned char out[NEWS_ROOM];
	struct news n = { .op = WIRE_PUSH, .handle = 77, .bulk = news_bulk(WIRE_FRAME_MIN), .out = out };
	struct storing s = { .at = (uint64_t *)(void *)(memory + 64) };
	uint64_t there = 0;
	pthread_t thread;

	(void)state;
	fresh(0, LEN);
	memset(twin + 64, 0, 8);
	*s.at = 0;
	assert_int_equal(pthread_create(&thread, NULL, store_words, &s), 0);
	for (unsigned int round = 0; round < 200000; round++) {
		size_t from = 0;

		n.used = n.runs = 0;
		assert_true(news_gather(&n, &t, 5, &from, t.len));
		for (size_t i = 0; i < n.used; i += bytes_get32(out + i)) {
			memcpy((char *)&there + (bytes_get64(out + i + 40) - 64), out + i + 52,
			       bytes_get32(out + i + 48));
			if (there != ONE && there != OTHER)
				fail_msg("0x%llx was never stored", (unsigned long long)there);
		}
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
}

/* Whatever is gathered from random changes and put together elsewhere gives the same memory. */
static void frames_carry_all_that_differs(void **state)
{
	static unsigned char out[NEWS_ROOM], there[LEN];
	struct news n = { .op = WIRE_PUSH, .handle = 77, .bulk = news_bulk(WIRE_FRAME_MIN), .out = out };

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		size_t from = 0, seen;
		bool all = false;

		fresh(round % 5, LEN - round % 77);
		memcpy(there, t.memory, t.len);
		for (unsigned int i = 0; i < round * round / 10; i++)
			t.memory[(size_t)rand() % t.len] = (unsigned char)rand();
		n.runs = 0;
		while (!all) {
			n.used = 0;
			all = news_gather(&n, &t, 5, &from, t.len);
			for (seen = 0; seen < n.used;) {
				struct wire_head h;
				uint64_t at = bytes_get64(out + seen + 40);
				uint32_t len = bytes_get32(out + seen + 48);

				assert_int_equal(wire_head_read(out + seen, WIRE_FRAME_MIN, &h), 0);
				assert_int_equal(h.op, WIRE_PUSH);
				assert_int_equal(h.object, 77);
				assert_int_equal(h.size, 52 + len);
				assert_int_equal(bytes_get64(out + seen + 32), 5);
				assert_true(at + len <= t.len);
				memcpy(there + at, out + seen + 52, len);
				seen += h.size;
			}
			assert_int_equal(seen, n.used);
		}
		assert_memory_equal(there, t.memory, t.len);
		assert_memory_equal(twin, t.memory, t.len);
	}
}

/* Byte by byte, what merging shall do. */
static void expect_merge(unsigned char *m, unsigned char *w, size_t at, const unsigned char *come, size_t len,
			 bool keep)
{
	for (size_t i = 0; i < len; i++) {
		if (come[i] != w[at + i] && (!keep || m[at + i] == w[at + i]))
			m[at + i] = come[i];
		w[at + i] = come[i];
	}
}

static void merging_is_per_byte(void **state)
{
	static unsigned char m[LEN], w[LEN], come[LEN];

	(void)state;
	for (unsigned int round = 0; round < 4000; round++) {
		bool keep = round % 2;
		size_t at, len;

		fresh(round % 9, 512 + round % 13);
		for (unsigned int i = 0; i < round % 200; i++)
			t.memory[(size_t)rand() % t.len] = (unsigned char)rand();
		at = (size_t)rand() % t.len;
		len = (size_t)rand() % (t.len - at + 1);
		for (size_t i = 0; i < len; i++)
			come[i] = rand() % 2 ? (unsigned char)rand() : twin[at + i];
		memcpy(m, t.memory, t.len);
		memcpy(w, twin, t.len);
		expect_merge(m, w, at, come, len, keep);
		(keep ? twin_merge : twin_apply)(&t, at, come, len);
		assert_memory_equal(t.memory, m, t.len);
		assert_memory_equal(twin, w, t.len);
		assert_int_equal(t.memory[t.len], (unsigned char)((t.len + round % 9) * 7)); /* not beyond */
	}
}

static atomic_bool go_on;

/* The other writer has the first half of each word. */
static void *count_up(void *arg)
{
	uint32_t n = 0;

	(void)arg;
	for (; atomic_load(&go_on); n++)
		for (size_t i = 0; i < 64; i += 8)
			__atomic_store_n((uint32_t *)(void *)(memory + i), n, __ATOMIC_RELAXED);
	return (void *)(uintptr_t)(n - 1);
}

static void nothing_that_is_written_meanwhile_is_lost(void **state)
{
	unsigned char come[64] = { 0 };
	pthread_t thread;
	void *last;

	(void)state;
	memset(memory, 0, 64);
	memset(twin, 0, 64);
	t = (struct twin){ memory, twin, 64 };
	atomic_store(&go_on, true);
	assert_int_equal(pthread_create(&thread, NULL, count_up, NULL), 0);
	for (uint32_t n = 1; n < 300000; n++) {
		for (size_t i = 4; i < 64; i += 8)
			bytes_put32(come + i, n);
		(n % 2 ? twin_merge : twin_apply)(&t, 0, come, sizeof(come));
	}
	atomic_store(&go_on, false);
	pthread_join(thread, &last);
	for (size_t i = 0; i < 64; i += 8) {
		assert_int_equal(bytes_get32(memory + i), (uint32_t)(uintptr_t)last);
		assert_int_equal(bytes_get32(memory + i + 4), 299999);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_found),
		cmocka_unit_test(neighbours_are_joined_and_ends_are_exact),
		cmocka_unit_test(words_are_fixed_at_both_ends), cmocka_unit_test(no_word_is_cut),
		cmocka_unit_test(a_word_is_gathered_whole),
		cmocka_unit_test(frames_carry_all_that_differs),
		cmocka_unit_test(merging_is_per_byte),
		cmocka_unit_test(nothing_that_is_written_meanwhile_is_lost),
	};

	return RUN(tests);
}
