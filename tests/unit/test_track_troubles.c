/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked memory where something is in the way: memory that is locked, and a kernel that refuses. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"
#include "tests/unit/trap-rig.h"
#include "track/track.h"
#include "track/uapi.h"

#define PAGES 32u
#define LEN ((size_t)PAGES * TRACK_PAGE)

static struct tracker *tracker;
static struct track *memory;
static unsigned char *program, *library;
static atomic_uint calls, failures; /* touches, and pages that could not be shown */
static atomic_int times, error;	    /* how often a page is not shown from now on, and why */

static bool on_touch(void *ctx, struct track *t, size_t offset)
{
	(void)ctx;
	atomic_fetch_add(&calls, 1);
	if (track_show(t, offset, offset + TRACK_PAGE))
		atomic_fetch_add(&failures, 1);
	return true;
}

static void on_written(void *ctx, size_t from, size_t end)
{
	*(size_t *)ctx += (end - from) / TRACK_PAGE;
}

/* How many of these pages were written, which are hidden with that. */
static size_t hide(size_t from, size_t end)
{
	size_t n = 0;

	assert_int_equal(track_hide(memory, from * TRACK_PAGE, end * TRACK_PAGE, on_written, &n), 0);
	return n;
}

static unsigned char look(size_t page)
{
	return *(volatile unsigned char *)(program + page * TRACK_PAGE + 7);
}

static void put(unsigned char *view, size_t page, unsigned char v)
{
	*(volatile unsigned char *)(view + page * TRACK_PAGE + 7) = v;
}

static void make_memory(void)
{
	assert_int_equal(track_new(tracker, LEN, on_touch, NULL, &memory), 0);
	program = track_program(memory);
	library = track_library(memory);
	atomic_store(&calls, 0);
	atomic_store(&failures, 0);
}

static int up(void **state)
{
	char why[TRACK_WHY_MAX];

	(void)state;
	assert_int_equal(tracker_new(0, &tracker, why), 0);
	make_memory();
	return 0;
}

static int down(void **state)
{
	(void)state;
	atomic_store(&times, 0);
	track_free(memory);
	tracker_free(tracker);
	return 0;
}

/* ---- locked memory ---- */

/* May this user lock so much? */
static bool can_lock(void)
{
	struct rlimit l;

	return !getrlimit(RLIMIT_MEMLOCK, &l) && l.rlim_cur > 4 * LEN;
}

/* A program that is to meet deadlines locks what it has. */
static void locked_memory_is_hidden(void **state)
{
	(void)state;
	if (!can_lock())
		skip();
	for (size_t i = 0; i < PAGES; i++)
		put(library, i, 3);
	assert_int_equal(mlock(program, LEN), 0);
	assert_int_equal(look(4), 3);
	hide(0, PAGES);
	put(library, 4, 5);
	atomic_store(&calls, 0);
	assert_int_equal(look(4), 5);
	put(program, 6, 1);
	assert_int_equal(calls, 2);
	assert_int_equal(hide(4, 5) + hide(6, 7), 1);
}

static void what_will_be_locked_is_hidden_at_first(void **state)
{
	struct track *before = memory;

	(void)state;
	if (getuid() && !can_lock())
		skip();
	if (mlockall(MCL_FUTURE))
		skip();
	make_memory();
	assert_int_equal(look(4), 0);
	put(program, 5, 1);
	assert_int_equal(calls, 2);
	assert_int_equal(hide(4, 5), 0);
	assert_int_equal(hide(5, 6), 1);
	munlockall();
	track_free(before);
}

/* ---- a kernel that refuses ---- */


static int refuse(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE && atomic_load(&times) > 0) {
		atomic_fetch_sub(&times, 1);
		return -error;
	}
	return sys_kernel.ioctl(fd, request, arg);
}

static void refuse_to_show(int with, int often)
{
	atomic_store(&error, with);
	atomic_store(&times, often);
}

static void what_is_short_for_a_while_is_tried_again(void **state)
{
	const int errors[] = { ENOMEM, EAGAIN };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		put(library, i, 9);
		refuse_to_show(errors[i], 5);
		assert_int_equal(look(i), 9);
		assert_int_equal(atomic_load(&times), 0);
	}
	assert_int_equal(failures, 0);
}

/* Who waited goes on a little sooner. */
static void await_failure(void)
{
	int64_t until = clock_deadline(20 * NS_PER_S);

	while (!atomic_load(&failures))
		assert_true(clock_now_ns() < until);
}

static void *look_by_a_thread(void *arg)
{
	return (void *)(uintptr_t)look((size_t)(uintptr_t)arg);
}

/* Nobody is left waiting: it is plain memory from then on. */
static void what_cannot_be_shown_is_plain_memory(void **state)
{
	pthread_t threads[3];
	struct track *first = memory;
	size_t n = 0;
	void *got;

	(void)state;
	for (size_t i = 0; i < PAGES; i++)
		put(library, i, 7);
	refuse_to_show(EIO, 1);
	for (size_t i = 0; i < 3; i++)
		assert_false(pthread_create(&threads[i], NULL, look_by_a_thread, (void *)(uintptr_t)i));
	for (size_t i = 0; i < 3; i++) {
		pthread_join(threads[i], &got);
		assert_int_equal((uintptr_t)got, 7);
	}
	await_failure();
	assert_int_equal(track_show(memory, 0, LEN), -EIO);
	put(program, 20, 8);
	assert_int_equal(library[20 * TRACK_PAGE + 7], 8);
	assert_int_equal(track_written(memory, 0, LEN, on_written, &n), -EIO);
	assert_int_equal(track_hide(memory, 0, LEN, on_written, &n), -EIO);
	assert_int_equal(look(20), 8);
	make_memory(); /* other memory of the tracker does not suffer */
	assert_int_equal(look(3), 0);
	assert_int_equal(calls, 1);
	track_free(first);
}

/* Not for ever. */
static void what_stays_short_ends(void **state)
{
	(void)state;
	put(library, 1, 9);
	refuse_to_show(ENOMEM, 1 << 30);
	assert_int_equal(look(1), 9);
	await_failure();
	assert_int_equal(track_show(memory, 0, LEN), -ENOMEM);
}

/* ---- whose memory it is ---- */

static void tracked_memory_is_known(void **state)
{
	static unsigned char plain[3 * LEN];

	(void)state;
	assert_false(track_any(plain, 3 * LEN));
	assert_false(track_any(library, LEN));
	assert_false(track_any(&state, sizeof(state)));
	assert_true(track_any(program, LEN));
	assert_true(track_any(program + LEN - 1, 1));
	assert_true(track_any(program + 100, 5));
	assert_int_equal(calls, 0);
}

#define TRACKED(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACKED(locked_memory_is_hidden), TRACKED(what_will_be_locked_is_hidden_at_first),
		TRACKED(what_is_short_for_a_while_is_tried_again),
		TRACKED(what_cannot_be_shown_is_plain_memory), TRACKED(what_stays_short_ends),
		TRACKED(tracked_memory_is_known),
	};
	struct sys_ops ops = sys_kernel;

	if (trap_missing())
		return 0;
	ops.ioctl = refuse;
	sys_set(&ops); /* before there are threads */
	return RUN(tests);
}
