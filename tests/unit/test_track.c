/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of track/track.h, held against the kernel that runs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"
#include "tests/unit/trap-rig.h"
#include "track/track.h"

#define PAGES 300u
#define LEN ((size_t)PAGES * TRACK_PAGE)

static struct tracker *tracker;
static struct track *memory;
static unsigned char *program, *library;
static atomic_uint calls;	   /* back */
static atomic_bool holding;	   /* nothing is shown for now */
static atomic_uint ahead = 1;	   /* pages that are shown for a touch */
static bool told[PAGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of who shows, hides and asks */

/* On threads that cmocka does not know. */
static void require(bool good)
{
	if (!good)
		abort();
}

static void show(size_t from, size_t end)
{
	assert_int_equal(track_show(memory, from * TRACK_PAGE, end * TRACK_PAGE), 0);
}

static bool on_touch(void *ctx, struct track *t, size_t offset)
{
	size_t end = offset + atomic_load(&ahead) * TRACK_PAGE;

	atomic_fetch_add(&calls, 1);
	while (atomic_load(&holding))
		sched_yield();
	pthread_mutex_lock(&lock);
	require(ctx == &told && offset < track_len(t));
	require(track_show(t, offset, end < LEN ? end : LEN) == 0);
	pthread_mutex_unlock(&lock);
	return true;
}

static void on_written(void *ctx, size_t from, size_t end)
{
	assert_ptr_equal(ctx, &told);
	assert_true(from < end && end <= LEN && from % TRACK_PAGE == 0 && end % TRACK_PAGE == 0);
	for (size_t at = from / TRACK_PAGE; at < end / TRACK_PAGE; at++) {
		assert_false(told[at]); /* once */
		told[at] = true;
	}
}

/* Which pages are told of [from, end), as a number that has a bit for each of the first 64. */
static uint64_t written(size_t from, size_t end)
{
	uint64_t mask = 0;

	memset(told, 0, sizeof(told));
	assert_int_equal(track_written(memory, from * TRACK_PAGE, end * TRACK_PAGE, on_written, &told), 0);
	for (size_t i = 0; i < 64; i++)
		mask |= (uint64_t)told[i] << i;
	return mask;
}

static uint64_t hide(size_t from, size_t end)
{
	uint64_t mask = 0;

	memset(told, 0, sizeof(told));
	assert_int_equal(track_hide(memory, from * TRACK_PAGE, end * TRACK_PAGE, on_written, &told), 0);
	for (size_t i = 0; i < 64; i++)
		mask |= (uint64_t)told[i] << i;
	return mask;
}

static unsigned char look(size_t page)
{
	return *(volatile unsigned char *)(program + page * TRACK_PAGE + 7);
}

static void put(size_t page, unsigned char v)
{
	*(volatile unsigned char *)(program + page * TRACK_PAGE + 7) = v;
}

static void put_by_library(size_t page, unsigned char v)
{
	*(volatile unsigned char *)(library + page * TRACK_PAGE + 7) = v;
}

static int up(void **state)
{
	char why[TRACK_WHY_MAX];

	(void)state;
	assert_int_equal(tracker_new(50 * NS_PER_US, &tracker, why), 0);
	assert_int_equal(track_new(tracker, LEN, on_touch, &told, &memory), 0);
	program = track_program(memory);
	library = track_library(memory);
	assert_int_equal(track_len(memory), LEN);
	atomic_store(&calls, 0);
	atomic_store(&ahead, 1);
	return 0;
}

static int down(void **state)
{
	(void)state;
	track_free(memory);
	tracker_free(tracker);
	return 0;
}

/* ---- one thread ---- */

static void hidden_at_first(void **state)
{
	(void)state;
	assert_int_equal(look(3), 0);
	assert_int_equal(atomic_load(&calls), 1);
	assert_int_equal(look(3), 0);
	put(3, 1);
	assert_int_equal(atomic_load(&calls), 1); /* it is there now */
	put_by_library(4, 9); /* there in the file, and not in the view */
	assert_int_equal(look(4), 9);
	put(5, 1);
	assert_int_equal(atomic_load(&calls), 3);
	assert_int_equal(written(3, 6), 1u << 3 | 1u << 5);
}

static void what_is_written_is_told_once(void **state)
{
	(void)state;
	show(0, 8);
	assert_int_equal(written(0, 8), 0);
	put(2, 1);
	put(5, 1);
	assert_int_equal(look(6), 0);
	assert_int_equal(written(0, 5), 1u << 2);
	assert_int_equal(written(0, 8), 1u << 5);
	assert_int_equal(written(0, 8), 0);
	put(2, 2);
	assert_int_equal(written(0, 8), 1u << 2);
	show(0, 8); /* which changes nothing of what is shown */
	put(3, 1);
	show(0, 8);
	assert_int_equal(written(0, 8), 1u << 3);
	assert_int_equal(atomic_load(&calls), 0);
}

static void shown_as_written(void **state)
{
	(void)state;
	show(0, 2);
	assert_int_equal(track_show_written(memory, 2 * TRACK_PAGE, 6 * TRACK_PAGE), 0);
	put(3, 1);
	assert_int_equal(written(0, 6), 0x3c); /* once, whatever becomes of them */
	assert_int_equal(written(0, 6), 0);
	put(4, 1);
	assert_int_equal(written(0, 6), 1u << 4);
	assert_int_equal(hide(0, 6), 0);
	assert_int_equal(track_show_written(memory, 2 * TRACK_PAGE, 4 * TRACK_PAGE), 0);
	assert_int_equal(hide(2, 4), 0xc);
	assert_int_equal(hide(2, 4), 0);
	show(2, 4);
	assert_int_equal(look(3), 1);
	assert_int_equal(hide(2, 4), 0);
	assert_int_equal(atomic_load(&calls), 0);
}

static void hiding_tells(void **state)
{
	(void)state;
	show(0, 8);
	put(1, 1);
	put(4, 1);
	assert_int_equal(hide(0, 4), 1u << 1);
	assert_int_equal(hide(0, 4), 0); /* hidden already */
	assert_int_equal(written(0, 8), 1u << 4);
	assert_int_equal(look(1), 1); /* its content stays */
	assert_int_equal(atomic_load(&calls), 1);
	assert_int_equal(hide(0, 8), 0);
	put(1, 2);
	assert_int_equal(hide(1, 2), 1u << 1);
}

static void the_library_is_not_told_of_itself(void **state)
{
	(void)state;
	show(0, 2);
	put_by_library(0, 1);
	assert_int_equal(look(0), 1);
	hide(1, 2);
	put_by_library(1, 1);
	assert_int_equal(look(1), 1);
	assert_int_equal(written(0, 2), 0);
}

static void more_runs_than_one_answer_has(void **state)
{
	size_t n = 0;

	(void)state;
	show(0, PAGES);
	for (size_t i = 0; i < PAGES; i += 2)
		put(i, 1);
	written(0, PAGES);
	for (size_t i = 0; i < PAGES; i++)
		n += told[i] == (i % 2 == 0);
	assert_int_equal(n, PAGES);
	for (size_t i = 1; i < PAGES; i += 2)
		put(i, 1);
	hide(0, PAGES);
	for (size_t i = 0; i < PAGES; i++)
		n += told[i] == (i % 2 == 1);
	assert_int_equal(n, 2 * PAGES);
}

static void shown_ahead(void **state)
{
	(void)state;
	atomic_store(&ahead, 16);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(look(i), 0);
	assert_int_equal(atomic_load(&calls), (PAGES + 15) / 16);
	assert_int_equal(hide(0, PAGES), 0);
	show(10, 20);
	show(5, 30); /* some of them are shown already */
	for (size_t i = 5; i < 30; i++)
		put(i, 1);
	assert_int_equal(atomic_load(&calls), (PAGES + 15) / 16);
}

/* From and to hidden pages, as if they were any others. */
static void system_calls(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	put_by_library(0, 5);
	assert_int_equal(write(fds[1], program + 5, 2 * TRACK_PAGE), 2 * TRACK_PAGE);
	assert_int_equal(read(fds[0], program + 4 * TRACK_PAGE + 5, 2 * TRACK_PAGE), 2 * TRACK_PAGE);
	assert_int_equal(look(4), 5);
	assert_int_equal(atomic_load(&calls), 6);
	assert_int_equal(written(0, 3), 0);
	assert_int_equal(written(4, 7), 7u << 4);
	close(fds[0]);
	close(fds[1]);
}

/* A file that this user can read and write past the page cache, or -1; and the same file by way of it. */
static int open_direct(int *plain)
{
	char path[] = "/tmp/opae-test-track.XXXXXX";
	int fd;

	*plain = mkstemp(path);
	assert_true(*plain >= 0);
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	unlink(path);
	if (fd < 0)
		close(*plain);
	return fd;
}

/*
 * The kernel pins the pages, for which it waits as others do, and then goes by these: they may be hidden and
 * shown meanwhile. What it stores is there, but it is told only if nobody asked after the pinning.
 */
static void pinned_pages(void **state)
{
	static unsigned char bytes[4 * TRACK_PAGE];
	int plain, fd = open_direct(&plain);

	(void)state;
	if (fd < 0) {
		print_message("# skipped pinned_pages: the file system of /tmp has no O_DIRECT\n");
		skip();
	}
	for (unsigned char round = 1; round < 20; round++) {
		for (size_t i = 0; i < 4; i++)
			put_by_library(i, round);
		assert_int_equal(pwrite(fd, program, sizeof(bytes), 0), sizeof(bytes));
		assert_int_equal(pread(plain, bytes, sizeof(bytes), 0), sizeof(bytes));
		assert_memory_equal(bytes, library, sizeof(bytes));
		assert_int_equal(pread(fd, program + 8 * TRACK_PAGE, sizeof(bytes), 0), sizeof(bytes));
		assert_memory_equal(bytes, library + 8 * TRACK_PAGE, sizeof(bytes));
		assert_int_equal(atomic_load(&calls), 8 * round);
		assert_int_equal(hide(0, 4), 0);
		assert_int_equal(hide(8, 12), 0xf00);
	}
	close(fd);
	close(plain);
}

/* Out of a view in which alone they are: of pages that both have the kernel leaves its hands. */
static void page_out(unsigned char *view, size_t from, size_t end)
{
	assert_int_equal(madvise(view + from * TRACK_PAGE, (end - from) * TRACK_PAGE, MADV_PAGEOUT), 0);
}

/* The kernel takes pages out of either view at will. More may be told then, and somebody called; not less. */
static void pages_that_are_swapped_out(void **state)
{
	unsigned char bytes[8];

	(void)state;
	for (unsigned char round = 1; round < 20; round++) {
		for (size_t i = 0; i < 8; i++)
			put_by_library(i, bytes[i] = (unsigned char)(round + i));
		page_out(library, 0, 8);
		show(0, 8);
		put(2, bytes[2] = 100);
		put(5, bytes[5] = 101);
		page_out(program, 0, 8);
		assert_int_equal(written(0, 8) & 0x24, 0x24);
		page_out(program, 0, 8);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(look(i), bytes[i]);
		assert_int_equal(written(0, 8) & 0x24, 0);
		put(3, bytes[3] = 102);
		page_out(program, 0, 8);
		assert_int_equal(hide(0, 8) & 0x2c, 0x08);
		page_out(library, 0, 8);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(library[i * TRACK_PAGE + 7], bytes[i]);
	}
}

static void a_child_is_not_tracked(void **state)
{
	pid_t child;
	int status;

	(void)state;
	put(0, 5);
	hide(0, 1);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(look(0) == 5 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(look(0), 5);
}

static void bad_lengths(void **state)
{
	struct track *t;

	(void)state;
	assert_int_equal(track_new(tracker, 0, on_touch, NULL, &t), -EINVAL);
	assert_int_equal(track_new(tracker, TRACK_PAGE + 1, on_touch, NULL, &t), -EINVAL);
}

/* ---- several threads ---- */

static void *touch_all(void *arg)
{
	size_t seed = (size_t)(uintptr_t)arg;

	for (size_t i = 0; i < 4 * PAGES; i++)
		require(look((i * 7 + seed) % PAGES) == 3);
	return NULL;
}

/* They wait for the same pages and for others, while the pages come and go. */
static void many_who_touch(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < PAGES; i++)
		put_by_library(i, 3);
	atomic_store(&holding, true);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, touch_all, (void *)(uintptr_t)i), 0);
	while (!atomic_load(&calls))
		sched_yield();
	show(0, PAGES); /* by another thread than the one that was called */
	atomic_store(&holding, false);
	for (unsigned int i = 0; i < 20; i++) {
		pthread_mutex_lock(&lock);
		hide(0, PAGES);
		pthread_mutex_unlock(&lock);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static atomic_bool enough;

/* Every page, again and again, with rising numbers. */
static void *write_all(void *arg)
{
	uint32_t v = 0;

	(void)arg;
	while (!atomic_load(&enough)) {
		v++;
		for (size_t i = 0; i < PAGES; i++)
			__atomic_store_n((uint32_t *)(void *)(program + i * TRACK_PAGE), v, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint32_t taken[PAGES];

static void take_over(void *ctx, size_t from, size_t end)
{
	(void)ctx;
	for (size_t at = from; at < end; at += TRACK_PAGE)
		taken[at / TRACK_PAGE] =
			__atomic_load_n((uint32_t *)(void *)(library + at), __ATOMIC_RELAXED);
}

/* While somebody writes: what is taken over whenever it is told of ends up as what was written last. */
static void no_write_is_lost(void **state)
{
	pthread_t writer;

	(void)state;
	memset(taken, 0, sizeof(taken));
	atomic_store(&enough, false);
	show(0, PAGES);
	atomic_store(&ahead, 4);
	assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
	while (!__atomic_load_n((uint32_t *)(void *)library, __ATOMIC_RELAXED))
		sched_yield();
	for (unsigned int i = 0; i < 600; i++) {
		size_t from = i % 3 * 100 * TRACK_PAGE, end = from + 100 * (size_t)TRACK_PAGE;
		int rc;

		pthread_mutex_lock(&lock);
		rc = (i & 1 ? track_hide : track_written)(memory, from, end, take_over, NULL);
		pthread_mutex_unlock(&lock);
		require(rc == 0);
	}
	atomic_store(&enough, true);
	pthread_join(writer, NULL);
	assert_int_equal(track_written(memory, 0, LEN, take_over, NULL), 0);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(taken[i], *(uint32_t *)(void *)(library + i * TRACK_PAGE));
	assert_true(taken[0] > 0);
}

/* ---- life ---- */

/* In a system call, which fails where the page is gone by the time it comes to it. */
static void *touch_one(void *arg)
{
	int fds[2];

	(void)arg;
	require(!pipe2(fds, O_CLOEXEC));
	require(write(fds[1], program, 1) == 1 || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

static void *free_it(void *arg)
{
	track_free(memory);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

/* Freeing waits for the call back. */
static void freed_while_somebody_is_called(void **state)
{
	pthread_t toucher, freer;
	atomic_bool freed = false;

	(void)state;
	atomic_store(&holding, true);
	assert_int_equal(pthread_create(&toucher, NULL, touch_one, NULL), 0);
	while (!atomic_load(&calls))
		sched_yield();
	assert_int_equal(pthread_create(&freer, NULL, free_it, &freed), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		sched_yield();
		assert_false(atomic_load(&freed));
	}
	atomic_store(&holding, false);
	pthread_join(toucher, NULL);
	pthread_join(freer, NULL);
	assert_int_equal(track_new(tracker, LEN, on_touch, &told, &memory), 0);
	program = track_program(memory);
	assert_int_equal(look(1), 0);
}

static void several_at_once(void **state)
{
	struct track *others[20];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(track_new(tracker, TRACK_PAGE * (i + 1), on_touch, NULL, &others[i]), 0);
	assert_int_equal(look(299), 0);
	for (size_t i = 0; i < 20; i++)
		track_free(others[i * 7 % 20]);
	assert_int_equal(look(298), 0);
}

/* Each call to the kernel fails once: an error, a reason, and nothing left. */
static void failures(void **state)
{
	int fds = seam_count_fds(), maps = seam_count_maps();

	(void)state;
	sys_set(seam_table());
	for (int n = 1; n < 100; n++) {
		struct tracker *tr = NULL;
		struct track *t = NULL;
		char why[TRACK_WHY_MAX];
		int rc;

		seam_arm(n, EIO, false);
		rc = tracker_new(0, &tr, why);
		if (rc) {
			assert_true(why[0] && !tr);
		} else {
			rc = track_new(tr, LEN, on_touch, NULL, &t);
			if (!rc)
				rc = track_show(t, 0, LEN);
			seam_disarm();
			track_free(t);
			tracker_free(tr);
		}
		seam_disarm();
		assert_int_equal(seam_count_fds(), fds);
		assert_int_equal(seam_count_maps(), maps);
		if (!seam_failed()) {
			assert_int_equal(rc, 0);
			assert_true(n > 8);
			sys_set(NULL);
			return;
		}
		assert_int_equal(rc, -EIO);
	}
	fail();
}

#define TRACKED(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACKED(hidden_at_first), TRACKED(what_is_written_is_told_once),
		TRACKED(shown_as_written), TRACKED(hiding_tells),
		TRACKED(the_library_is_not_told_of_itself), TRACKED(more_runs_than_one_answer_has),
		TRACKED(shown_ahead), TRACKED(system_calls), TRACKED(pinned_pages),
		TRACKED(pages_that_are_swapped_out), TRACKED(a_child_is_not_tracked),
		TRACKED(bad_lengths), TRACKED(many_who_touch), TRACKED(no_write_is_lost),
		TRACKED(freed_while_somebody_is_called), TRACKED(several_at_once),
		cmocka_unit_test(failures),
	};

	return trap_missing() ? 0 : RUN(tests);
}
