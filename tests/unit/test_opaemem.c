/* SPDX-License-Identifier: BSD-3-Clause */
/* libopaemem: every result, and a model to compare with. */
#include <opae/hash_map.h>
#include <opae/mem_alloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

/* The n-th allocation from now on fails; 0: none. */
static int fail_in;

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);

static bool fails(void)
{
	return fail_in && --fail_in == 0;
}

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t n, size_t len)
{
	return fails() ? NULL : __real_calloc(n, len);
}

/* ---- mem_alloc ---- */

static unsigned int count(const struct mem_link *head)
{
	unsigned int n = 0;

	for (const struct mem_link *l = head->next; l != head; l = l->next) {
		assert_ptr_equal(l->next->prev, l);
		assert_true(l->size != 0);
		assert_true(l->next == head || l->address + (l->size - 1) < l->next->address);
		n++;
	}
	return n;
}

static void alloc_of(struct mem_alloc *m, uint64_t address, uint64_t size)
{
	mem_alloc_init(m);
	assert_int_equal(mem_alloc_add_free(m, address, size), 0);
}

static void only(const struct mem_alloc *m, uint64_t address, uint64_t size)
{
	assert_int_equal(count(&m->free), 1);
	assert_int_equal(m->free.next->address, address);
	assert_int_equal(m->free.next->size, size);
}

static void null_is_refused(void **state)
{
	struct mem_alloc m = { 0 };
	uint64_t at = 7;

	(void)state;
	mem_alloc_destroy(&m); /* zeroed, not initialized */
	mem_alloc_init(NULL);
	mem_alloc_destroy(NULL);
	mem_alloc_init(&m);
	assert_int_equal(mem_alloc_add_free(NULL, 0, 1), 1);
	assert_int_equal(mem_alloc_get(NULL, &at, 1), 1);
	assert_int_equal(mem_alloc_get(&m, NULL, 1), 1);
	assert_int_equal(mem_alloc_get(&m, &at, 1), 1); /* there is nothing */
	assert_int_equal(mem_alloc_put(NULL, 0), 1);
	assert_int_equal(mem_alloc_put(&m, 0), 1);
	assert_int_equal(mem_alloc_apply_constraint(NULL, &m), 1);
	assert_int_equal(mem_alloc_apply_constraint(&m, NULL), 1);
	assert_int_equal(at, 7);
	mem_alloc_destroy(&m);
	mem_alloc_destroy(&m);
}

static void ranges_join_and_never_overlap(void **state)
{
	struct mem_alloc m;
	uint64_t at;

	(void)state;
	alloc_of(&m, 0x4000, 0x1000);
	assert_int_equal(mem_alloc_add_free(&m, 0x4000, 0x1000), 2); /* the same */
	assert_int_equal(mem_alloc_add_free(&m, 0x4800, 0x1000), 2);
	assert_int_equal(mem_alloc_add_free(&m, 0x3001, 0x1000), 2);
	assert_int_equal(mem_alloc_add_free(&m, 0x3000, 0x9000), 2); /* around it */
	assert_int_equal(mem_alloc_add_free(&m, 0x4001, 1), 2);	     /* in it */
	assert_int_equal(mem_alloc_add_free(&m, 0x9000, 0), 2);
	assert_int_equal(mem_alloc_add_free(&m, UINT64_MAX, 2), 2); /* goes round */
	assert_int_equal(mem_alloc_add_free(&m, 0x6000, 0x1000), 0);
	assert_int_equal(count(&m.free), 2);
	assert_int_equal(mem_alloc_add_free(&m, 0x5000, 0x1000), 0);
	only(&m, 0x4000, 0x3000);
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 0);
	assert_int_equal(at, 0x4000);
	assert_int_equal(mem_alloc_add_free(&m, 0x4000, 0x1000), 2); /* somebody has it */
	assert_int_equal(mem_alloc_put(&m, 0x4000), 0);
	only(&m, 0x4000, 0x3000);
	mem_alloc_destroy(&m);
	assert_int_equal(mem_alloc_get(&m, &at, 1), 1); /* empty, and still an allocator */
}

static void lowest_fit_at_a_multiple(void **state)
{
	struct mem_alloc m;
	uint64_t at = 1;

	(void)state;
	alloc_of(&m, 0x1000, 0xf000);
	assert_int_equal(mem_alloc_get(&m, &at, 0), 1);
	assert_int_equal(mem_alloc_get(&m, &at, 0x10000), 1);
	assert_int_equal(at, 1);
	assert_int_equal(mem_alloc_get(&m, &at, 0x4000), 0);
	assert_int_equal(at, 0x4000); /* cut out of the middle */
	assert_int_equal(count(&m.free), 2);
	assert_int_equal(mem_alloc_get(&m, &at, 0x3000), 0); /* no power of two */
	assert_int_equal(at, 0x8000);
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 0);
	assert_int_equal(at, 0x1000);
	assert_int_equal(mem_alloc_get(&m, &at, 1), 0);
	assert_int_equal(at, 0x2000);
	assert_int_equal(count(&m.allocated), 4);
	assert_int_equal(mem_alloc_put(&m, 0x4001), 1);
	assert_int_equal(mem_alloc_put(&m, 0x4000), 0);
	assert_int_equal(mem_alloc_put(&m, 0x4000), 1); /* twice */
	assert_int_equal(mem_alloc_put(&m, 0x2000), 0);
	assert_int_equal(mem_alloc_put(&m, 0x8000), 0);
	assert_int_equal(mem_alloc_put(&m, 0x1000), 0);
	only(&m, 0x1000, 0xf000);
	mem_alloc_destroy(&m);
}

static void the_ends_of_the_address_space(void **state)
{
	const uint64_t half = UINT64_C(1) << 63;
	struct mem_alloc m;
	uint64_t at;

	(void)state;
	alloc_of(&m, UINT64_MAX - 0xffe, 0xfff);
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 1);
	assert_int_equal(mem_alloc_get(&m, &at, 0x800), 0);
	assert_int_equal(at, UINT64_MAX - 0x7ff);
	assert_int_equal(mem_alloc_get(&m, &at, half), 1);
	assert_int_equal(mem_alloc_get(&m, &at, UINT64_MAX), 1);
	mem_alloc_destroy(&m);

	alloc_of(&m, 0, half);
	assert_int_equal(mem_alloc_add_free(&m, half, half), 0); /* 2^64 addresses have no size */
	assert_int_equal(count(&m.free), 2);
	assert_int_equal(mem_alloc_add_free(&m, half, 1), 2);
	assert_int_equal(mem_alloc_get(&m, &at, half), 0);
	assert_int_equal(at, 0);
	assert_int_equal(mem_alloc_get(&m, &at, half), 0);
	assert_int_equal(at, half);
	assert_int_equal(mem_alloc_put(&m, 0), 0);
	assert_int_equal(mem_alloc_put(&m, half), 0);
	assert_int_equal(mem_alloc_get(&m, &at, half + 1), 1); /* a multiple of 2^64 is 0 alone */
	mem_alloc_destroy(&m);

	alloc_of(&m, 0, UINT64_MAX);
	assert_int_equal(mem_alloc_get(&m, &at, half + 1), 0);
	assert_int_equal(at, 0);
	mem_alloc_destroy(&m);
}

static void constraints(void **state)
{
	struct mem_alloc m, c;
	uint64_t at;

	(void)state;
	alloc_of(&m, 0x0, 0x10000);
	alloc_of(&c, 0x2000, 0x1000);
	assert_int_equal(mem_alloc_add_free(&c, 0x4000, 0x1000), 0);
	assert_int_equal(mem_alloc_add_free(&c, 0xf000, 0x4000), 0);
	assert_int_equal(mem_alloc_add_free(&m, 0x20000, 0x1000), 0); /* which c has not */
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 0);
	assert_int_equal(mem_alloc_apply_constraint(&m, &c), 0);
	assert_int_equal(count(&c.free), 3);
	assert_int_equal(count(&m.free), 3);
	assert_int_equal(m.free.next->address, 0x2000);
	assert_int_equal(m.free.next->next->address, 0x4000);
	assert_int_equal(m.free.prev->address, 0xf000);
	assert_int_equal(m.free.prev->size, 0x1000);
	assert_int_equal(mem_alloc_apply_constraint(&m, &m), 0);
	assert_int_equal(count(&m.free), 3);
	assert_int_equal(mem_alloc_put(&m, at), 0); /* what somebody had comes back whole */
	assert_int_equal(m.free.next->address, 0x0);

	mem_alloc_destroy(&c);
	assert_int_equal(mem_alloc_apply_constraint(&m, &c), 0);
	assert_int_equal(count(&m.free), 0);
	assert_int_equal(mem_alloc_get(&m, &at, 1), 1);
	assert_int_equal(mem_alloc_add_free(&m, 0x0, 0x1000), 0);
	mem_alloc_destroy(&m);
}

static void without_memory_nothing_changes(void **state)
{
	struct mem_alloc m, c;
	uint64_t at = 7;

	(void)state;
	alloc_of(&m, 0x1000, 0x4000);
	fail_in = 1;
	assert_int_equal(mem_alloc_add_free(&m, 0x8000, 0x1000), 1);
	for (int n = 1; n <= 2; n++) { /* cutting from the middle takes two */
		fail_in = n;
		assert_int_equal(mem_alloc_get(&m, &at, 0x2000), 1);
		only(&m, 0x1000, 0x4000);
		assert_int_equal(count(&m.allocated), 0);
	}
	assert_int_equal(at, 7);
	assert_int_equal(fail_in, 0);

	alloc_of(&c, 0x1000, 0x1000);
	assert_int_equal(mem_alloc_add_free(&c, 0x3000, 0x1000), 0);
	fail_in = 2;
	assert_int_equal(mem_alloc_apply_constraint(&m, &c), 1);
	only(&m, 0x1000, 0x4000);

	fail_in = 1;
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 1);
	fail_in = 0;
	assert_int_equal(mem_alloc_get(&m, &at, 0x1000), 0);
	fail_in = 1; /* giving back needs none */
	assert_int_equal(mem_alloc_put(&m, at), 0);
	fail_in = 0;
	only(&m, 0x1000, 0x4000);
	mem_alloc_destroy(&m);
	mem_alloc_destroy(&c);
}

/* Against a map of units: the lowest place that fits is what is given, and nothing is given twice. */
enum { UNITS = 512, HELD = 48 };

static int model_find(const bool *used, uint64_t len)
{
	uint64_t align = 1;

	while (align < len)
		align *= 2;
	for (uint64_t at = 0; at + len <= UNITS; at += align) {
		uint64_t i = 0;

		while (i < len && !used[at + i])
			i++;
		if (i == len)
			return (int)at;
	}
	return -1;
}

static void random_against_a_model(void **state)
{
	uint64_t at[HELD], len[HELD] = { 0 };
	bool used[UNITS] = { false };
	unsigned int seed = 42, refused = 0;
	struct mem_alloc m;

	(void)state;
	alloc_of(&m, 0, UNITS);
	for (int round = 0; round < 50000; round++) {
		int i = rand_r(&seed) % HELD, want;

		if (len[i]) {
			assert_int_equal(mem_alloc_put(&m, at[i]), 0);
			assert_int_equal(mem_alloc_put(&m, at[i]), 1);
			memset(used + at[i], 0, len[i]);
			len[i] = 0;
			continue;
		}
		len[i] = 1 + (uint64_t)(rand_r(&seed) % 40);
		want = model_find(used, len[i]);
		if (want < 0) {
			assert_int_equal(mem_alloc_get(&m, &at[i], len[i]), 1);
			len[i] = 0;
			refused++;
			continue;
		}
		assert_int_equal(mem_alloc_get(&m, &at[i], len[i]), 0);
		assert_int_equal(at[i], want);
		memset(used + at[i], 1, len[i]);
		assert_int_equal(mem_alloc_add_free(&m, at[i], len[i]), 2);
		count(&m.free);
	}
	assert_true(refused > 100); /* it was full now and then */
	for (int i = 0; i < HELD; i++)
		if (len[i])
			assert_int_equal(mem_alloc_put(&m, at[i]), 0);
	only(&m, 0, UNITS);
	mem_alloc_destroy(&m);
}

/* ---- opae_hash_map ---- */

static unsigned int keys_gone, values_gone;
static void *last_value;

static void key_gone(void *key, void *context)
{
	(void)key;
	assert_ptr_equal(context, &keys_gone);
	keys_gone++;
}

static void value_gone(void *value, void *context)
{
	assert_ptr_equal(context, &keys_gone);
	last_value = value;
	values_gone++;
}

static uint32_t bad_hash(uint32_t num_buckets, uint32_t hash_seed, void *key)
{
	(void)key;
	return num_buckets + hash_seed;
}

static void *P(uint64_t n)
{
	return (void *)(uintptr_t)n;
}

static void map_of(opae_hash_map *hm, uint32_t buckets, int flags)
{
	assert_int_equal(opae_hash_map_init(hm, buckets, 0, flags, opae_u64_key_hash, opae_u64_key_compare,
					    key_gone, value_gone), FPGA_OK);
	assert_null(hm->cleanup_context);
	hm->cleanup_context = &keys_gone;
	keys_gone = values_gone = 0;
}

static void map_refuses(void **state)
{
	opae_hash_map hm;
	void *value = P(7);

	(void)state;
	memset(&hm, 0x5a, sizeof(hm));
	assert_int_equal(opae_hash_map_init(NULL, 1, 0, 0, opae_u64_key_hash, opae_u64_key_compare, NULL,
					    NULL), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_init(&hm, 0, 0, 0, opae_u64_key_hash, opae_u64_key_compare, NULL,
					    NULL), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_init(&hm, 1, 0, 0, NULL, opae_u64_key_compare, NULL, NULL),
			 FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_init(&hm, 1, 0, 0, opae_u64_key_hash, NULL, NULL, NULL),
			 FPGA_INVALID_PARAM);
	fail_in = 1;
	assert_int_equal(opae_hash_map_init(&hm, 1, 0, 0, opae_u64_key_hash, opae_u64_key_compare, NULL,
					    NULL), FPGA_NO_MEMORY);
	assert_int_equal(opae_hash_map_add(NULL, P(1), P(1)), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_find(NULL, P(1), &value), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_remove(NULL, P(1)), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_destroy(NULL), FPGA_INVALID_PARAM);
	assert_true(opae_hash_map_is_empty(NULL));

	assert_int_equal(opae_hash_map_init(&hm, 5, 0, 0, bad_hash, opae_u64_key_compare, NULL, NULL),
			 FPGA_OK);
	assert_int_equal(opae_hash_map_add(&hm, P(1), P(1)), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_find(&hm, P(1), &value), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_remove(&hm, P(1)), FPGA_INVALID_PARAM);
	assert_ptr_equal(value, P(7));
	assert_int_equal(opae_hash_map_destroy(&hm), FPGA_OK);
	assert_int_equal(opae_hash_map_destroy(&hm), FPGA_INVALID_PARAM);
	assert_int_equal(opae_hash_map_add(&hm, P(1), P(1)), FPGA_INVALID_PARAM);
	assert_true(opae_hash_map_is_empty(&hm));
}

static void map_keeps_what_it_is_given(void **state)
{
	opae_hash_map hm;
	void *value = NULL;

	(void)state;
	map_of(&hm, 7, 0);
	assert_true(opae_hash_map_is_empty(&hm));
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(opae_hash_map_add(&hm, P(i), P(i * i)), FPGA_OK);
	assert_false(opae_hash_map_is_empty(&hm));
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(opae_hash_map_find(&hm, P(i), &value), FPGA_OK);
		assert_ptr_equal(value, P(i * i));
	}
	assert_int_equal(opae_hash_map_find(&hm, P(5), NULL), FPGA_OK);
	assert_int_equal(opae_hash_map_find(&hm, P(100), &value), FPGA_NOT_FOUND);
	assert_ptr_equal(value, P(99 * 99));
	assert_int_equal(opae_hash_map_remove(&hm, P(100)), FPGA_NOT_FOUND);

	assert_int_equal(opae_hash_map_add(&hm, P(9), P(1)), FPGA_OK); /* replaces the value alone */
	assert_int_equal(keys_gone, 0);
	assert_int_equal(values_gone, 1);
	assert_ptr_equal(last_value, P(81));
	assert_int_equal(opae_hash_map_add(&hm, P(9), P(1)), FPGA_OK); /* which it has */
	assert_int_equal(values_gone, 1);

	assert_int_equal(opae_hash_map_remove(&hm, P(9)), FPGA_OK);
	assert_int_equal(keys_gone, 1);
	assert_int_equal(values_gone, 2);
	assert_int_equal(opae_hash_map_find(&hm, P(9), &value), FPGA_NOT_FOUND);
	assert_int_equal(opae_hash_map_remove(&hm, P(9)), FPGA_NOT_FOUND);
	fail_in = 1;
	assert_int_equal(opae_hash_map_add(&hm, P(9), P(1)), FPGA_NO_MEMORY);
	assert_int_equal(opae_hash_map_find(&hm, P(9), &value), FPGA_NOT_FOUND);
	assert_int_equal(opae_hash_map_destroy(&hm), FPGA_OK);
	assert_int_equal(keys_gone, 100);
	assert_int_equal(values_gone, 101);
}

static void unique_keys_are_not_looked_for(void **state)
{
	opae_hash_map hm;
	void *value = NULL;

	(void)state;
	map_of(&hm, 3, OPAE_HASH_MAP_UNIQUE_KEYSPACE);
	assert_int_equal(opae_hash_map_add(&hm, P(9), P(1)), FPGA_OK);
	assert_int_equal(opae_hash_map_add(&hm, P(9), P(2)), FPGA_OK);
	assert_int_equal(values_gone, 0);
	assert_int_equal(opae_hash_map_find(&hm, P(9), &value), FPGA_OK);
	assert_ptr_equal(value, P(2));
	assert_int_equal(opae_hash_map_remove(&hm, P(9)), FPGA_OK);
	assert_int_equal(opae_hash_map_find(&hm, P(9), &value), FPGA_OK);
	assert_ptr_equal(value, P(1));
	assert_int_equal(opae_hash_map_destroy(&hm), FPGA_OK);
	assert_int_equal(values_gone, 2);
}

static void numbers_as_keys(void **state)
{
	(void)state;
	assert_int_equal(opae_u64_key_hash(19441, 0, P(19441 * UINT64_C(1000000) + 12)), 12);
	assert_int_equal(opae_u64_key_hash(19441, 99, P(12)), 12);
	assert_int_equal(opae_u64_key_hash(0, 0, P(12)), 0); /* names no bucket */
	assert_int_equal(opae_u64_key_compare(P(3), P(3)), 0);
	assert_int_not_equal(opae_u64_key_compare(P(3), P(UINT64_C(3) << 32)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_is_refused),
		cmocka_unit_test(ranges_join_and_never_overlap),
		cmocka_unit_test(lowest_fit_at_a_multiple),
		cmocka_unit_test(the_ends_of_the_address_space),
		cmocka_unit_test(constraints),
		cmocka_unit_test(without_memory_nothing_changes),
		cmocka_unit_test(random_against_a_model),
		cmocka_unit_test(map_refuses),
		cmocka_unit_test(map_keeps_what_it_is_given),
		cmocka_unit_test(unique_keys_are_not_looked_for),
		cmocka_unit_test(numbers_as_keys),
	};

	return RUN(tests);
}
