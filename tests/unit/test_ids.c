/* SPDX-License-Identifier: BSD-3-Clause */
/* Opaque ids, and the guard that lets closing wait for calls under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/guard.h"
#include "lib/ids.h"

static struct id_table table = ID_TABLE_INIT(ID_HANDLE);
static struct id_table other = ID_TABLE_INIT(ID_TOKEN);

static void *take_out(void *id)
{
	void *object;

	pthread_mutex_lock(&table.lock);
	object = id_remove_locked(&table, id);
	pthread_mutex_unlock(&table.lock);
	return object;
}

static void stale_ids_are_refused(void **state)
{
	int a, b;
	void *first = id_add(&table, &a), *second;

	(void)state;
	assert_ptr_equal(id_get(&table, first), &a);
	assert_ptr_equal(take_out(first), &a);
	assert_null(id_get(&table, first));
	assert_null(take_out(first));
	second = id_add(&table, &b); /* the same slot, another generation */
	assert_ptr_not_equal(first, second);
	assert_null(id_get(&table, first));
	assert_ptr_equal(id_get(&table, second), &b);
	take_out(second);
}

static void foreign_values_are_refused(void **state)
{
	int a;
	void *id = id_add(&table, &a), *wrong_kind = id_add(&other, &a);
	uintptr_t values[] = { 0, 1, (uintptr_t)&a, UINTPTR_MAX, (uintptr_t)id + 1,
			       (uintptr_t)wrong_kind, (uintptr_t)id ^ (uintptr_t)1 << 63,
			       (uintptr_t)id | 0xffffff };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_null(id_get(&table, (void *)values[i]));
	take_out(id);
}

static void ids_are_no_pointers(void **state)
{
	int a;
	void *id = id_add(&table, &a);

	(void)state;
	assert_int_equal((uintptr_t)id >> 56, 0xA0 + ID_HANDLE);
	take_out(id);
}

static void many_ids(void **state)
{
	enum { N = 5000 };
	static int objects[N];
	static void *ids[N];

	(void)state;
	for (int i = 0; i < N; i++)
		assert_non_null(ids[i] = id_add(&table, &objects[i]));
	for (int i = 0; i < N; i++)
		assert_ptr_equal(id_get(&table, ids[i]), &objects[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(take_out(ids[i]), &objects[i]);
}

struct section {
	uint64_t id;
	atomic_bool inside, let_go, left;
};

static void *stay_inside(void *ctx)
{
	struct section *s = ctx;

	if (!guard_enter(s->id))
		return NULL;
	atomic_store(&s->inside, true);
	while (!atomic_load(&s->let_go))
		clock_sleep_ns(NS_PER_MS);
	atomic_store(&s->left, true);
	guard_leave();
	return NULL;
}

static void *let_go_later(void *ctx)
{
	struct section *s = ctx;

	clock_sleep_ns(20 * NS_PER_MS);
	atomic_store(&s->let_go, true);
	return NULL;
}

static void closing_waits_for_calls(void **state)
{
	struct section s = { .id = 42 };
	pthread_t inside, later;

	(void)state;
	guard_init();
	assert_int_equal(pthread_create(&inside, NULL, stay_inside, &s), 0);
	while (!atomic_load(&s.inside))
		clock_sleep_ns(NS_PER_MS);
	guard_wait(43); /* nobody is inside that one: returns at once */
	assert_false(atomic_load(&s.let_go));
	assert_int_equal(pthread_create(&later, NULL, let_go_later, &s), 0);
	guard_wait(42);
	assert_true(atomic_load(&s.left));
	pthread_join(inside, NULL);
	pthread_join(later, NULL);
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < GUARD_DEPTH; i++)
		assert_true(guard_enter(100 + i));
	assert_false(guard_enter(1));
	for (int i = 0; i < GUARD_DEPTH; i++)
		guard_leave();
	assert_true(guard_enter(1));
	assert_false(guard_enter(0)); /* no entry is made, so none may be taken off */
	guard_leave();
}

static void *first_call(void *fast)
{
	*(bool *)fast = guard_enter_fast(1, guard_fast);
	return NULL;
}

static void the_fast_way_leaves_the_rest_to_the_other(void **state)
{
	bool fast = true;
	pthread_t thread;

	(void)state;
	assert_true(guard_enter(5)); /* makes the thread's record */
	assert_false(guard_enter_fast(6, guard_fast)); /* inside another */
	guard_leave();
	if (guard_enter_fast(7, guard_fast)) { /* not where a record is written with a fence */
		assert_false(guard_enter_fast(8, guard_fast));
		assert_true(guard_enter(8));
		guard_leave();
		guard_leave_fast(guard_fast);
		assert_true(guard_enter_fast(0, guard_fast));
		guard_leave_fast(guard_fast);
	}
	assert_int_equal(pthread_create(&thread, NULL, first_call, &fast), 0);
	pthread_join(thread, NULL);
	assert_false(fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_ids_are_refused),
		cmocka_unit_test(foreign_values_are_refused),
		cmocka_unit_test(ids_are_no_pointers),
		cmocka_unit_test(many_ids),
		cmocka_unit_test(closing_waits_for_calls),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(the_fast_way_leaves_the_rest_to_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
