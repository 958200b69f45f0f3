/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tracked buffers where a client comes to the end of its room: HOLDs under way, windows, DROPs. HOLDs that
 * cannot be carried out now, and pages that the kernel takes out of the program's view.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/client/pages.h"
#include "tests/unit/pages-rig.h"
#include "tests/unit/trap-rig.h"
#include "wire/bytes.h"

#define SOON_NS (20 * NS_PER_S)

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
	int64_t until = clock_deadline(SOON_NS);

	while (load(at) != want)
		assert_true(clock_now_ns() < until);
}

static void fill(unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 31 + (i >> 12) * 7 + 1);
}

static int up_small(void **state)
{
	(void)state;
	return pages_up(64 * PAGE);
}

/* As many pages as may be shown at a time. */
static int up_full(void **state)
{
	(void)state;
	return pages_up(PAGES_HERE_MAX * PAGE);
}

static int up_large(void **state)
{
	(void)state;
	return pages_up(2048 * PAGE);
}

/* ---- a server that is busy ---- */

static bool give(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	for (uint64_t at = offset; at < offset + len; at += WIRE_BULK)
		say_data(l, at, pr.memory + at,
			 offset + len - at < WIRE_BULK ? offset + len - at : WIRE_BULK);
	say_granted(l, f, len);
	return true;
}

static atomic_bool busy;

static bool now_and_then(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	if (atomic_load(&busy) || pr.holds % 4)
		script_fail(l, &f->head, FPGA_BUSY, "64 calls are under way, and no more were agreed on");
	else
		return give(l, f, offset, len);
	return true;
}

static void a_busy_server_is_asked_again(void **state)
{
	unsigned char *at;

	(void)state;
	atomic_store(&busy, false);
	fill(pr.memory, pr.len);
	pr.on_hold = now_and_then;
	at = pages_prepare(0);
	for (size_t i = 0; i < pr.len; i += 8)
		assert_int_equal(load(at + i), pages_word(i));
	at[5 * PAGE] = 9;
	write64(8, 1);
	read64(0);
	assert_int_equal(pages_word(5 * PAGE) & 0xff, 9);
}

/* Nobody waits longer than a call may take. */
static void a_server_that_stays_busy_is_lost(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	atomic_store(&busy, true);
	pr.on_hold = now_and_then;
	rig_set_patience(h, 2 * NS_PER_S);
	at = pages_prepare(0);
	assert_int_equal(load(at), 0);
	assert_in_range(pr.holds, 4, UINT32_MAX);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "the connection is lost"));
	memset(at, 1, pr.len);
}

/* ---- all HOLDs under way ---- */

#define LONG 64u     /* pages: windows that are asked for ahead have so many */
#define SECOND 1000u /* the page from which the second stream reads */
#define AHEAD (SECOND + 4 + 8 + 16 + 32) /* its first window that is asked for ahead */

/* The script's: HOLDs that wait for their answers. */
static struct rpc_frame deferred[HOLDS];
static atomic_uint num_deferred;
static atomic_bool deferring, ahead_given;

/* Short windows are given at once, long ones when a register says so. */
static bool defer(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	unsigned int n = atomic_load(&num_deferred);

	if (!atomic_load(&deferring) || len < LONG * PAGE || offset == AHEAD * PAGE) {
		give(l, f, offset, len);
		if (offset == AHEAD * PAGE)
			atomic_store(&ahead_given, true);
		return true;
	}
	assert_true(n < HOLDS);
	deferred[n] = (struct rpc_frame){ .head = f->head, .body = malloc(f->body_len) };
	memcpy((void *)(uintptr_t)deferred[n].body, f->body, f->body_len);
	atomic_fetch_add(&num_deferred, 1);
	return true;
}

/* All of them are answered, the last one first, and none is deferred any more. */
static bool answer_deferred(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	(void)value;
	atomic_store(&deferring, false);
	for (unsigned int i = num_deferred; i-- > 0;) {
		const struct rpc_frame *f = &deferred[i];

		give(l, f, bytes_get64(f->body + 8), bytes_get64(f->body + 16));
		free((void *)(uintptr_t)f->body);
	}
	return true;
}

/* Reads page after page, until windows are asked for ahead. */
static void begin_stream(const unsigned char *at, unsigned int from, unsigned int end)
{
	for (unsigned int page = from; page < end; page++)
		assert_int_equal(load(at + page * PAGE), pages_word(page * PAGE));
}

static void await_deferred(unsigned int num)
{
	int64_t until = clock_deadline(SOON_NS);

	while (atomic_load(&num_deferred) < num)
		assert_true(clock_now_ns() < until);
}

struct toucher {
	pthread_t thread;
	const unsigned char *at;
	uint64_t found;
	atomic_long id;
};

static void *touch(void *arg)
{
	struct toucher *t = arg;

	atomic_store(&t->id, syscall(SYS_gettid));
	t->found = load(t->at);
	return NULL;
}

/* It waits in the kernel, and not for a processor. */
static bool sleeps(long id)
{
	char path[64], text[256] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", id);
	f = fopen(path, "re");
	if (!f)
		return false;
	state = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	fclose(f);
	return state && (state[2] == 'S' || state[2] == 'D');
}

static void await_asleep(struct toucher *t)
{
	int64_t until = clock_deadline(SOON_NS);

	while (!atomic_load(&t->id) || !sleeps(atomic_load(&t->id)))
		assert_true(clock_now_ns() < until);
}

/*
 * Two streams have two windows ahead under way each; for the second of a stream there is a place when the
 * window that somebody waited for has left its own. Who touches a page elsewhere waits.
 */
static void a_touch_when_no_more_can_be_asked_for(void **state)
{
	static const size_t last = 2000 * PAGE;
	int64_t until = clock_deadline(SOON_NS);
	struct toucher t;
	unsigned char *at;
	unsigned int holds;

	(void)state;
	atomic_store(&num_deferred, 0);
	atomic_store(&deferring, true);
	atomic_store(&ahead_given, false);
	fill(pr.memory, pr.len);
	pr.on_hold = defer;
	pr.on_write = answer_deferred;
	at = pages_prepare(0);
	begin_stream(at, 0, 17);
	await_deferred(2);
	begin_stream(at, SECOND, AHEAD);
	while (!atomic_load(&ahead_given))
		assert_true(clock_now_ns() < until);
	assert_int_equal(rig.t.fpgaReset(h), FPGA_OK); /* its answer comes behind that */
	begin_stream(at, AHEAD, AHEAD + 1);
	await_deferred(HOLDS);
	holds = atomic_load(&pr.holds);
	t = (struct toucher){ .at = at + last };
	assert_int_equal(pthread_create(&t.thread, NULL, touch, &t), 0);
	await_asleep(&t);
	clock_sleep_ns(20 * NS_PER_MS); /* it is not asked for: nothing to wait for */
	assert_int_equal(atomic_load(&pr.holds), holds);
	write64(8, 1);
	pthread_join(t.thread, NULL);
	assert_int_equal(t.found, pages_word(last));
	assert_true(atomic_load(&pr.holds) > holds);
	assert_true(pages_has(0, at, 3 * LONG * PAGE));
	assert_true(pages_has(SECOND * PAGE, at + SECOND * PAGE, 3 * LONG * PAGE));
}

/* ---- all windows ---- */

/* The device changes the first word, and the server watches none of the first 16 pages any more. */
static bool make_stale(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	__atomic_store_n((uint64_t *)(void *)pr.memory, value, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 16; i++)
		if (pr.held[i])
			say_stale(l, i * PAGE, PAGE);
	say_cut(l);
	return true;
}

/* Each touch of a page that became stale is another window of it; what the first one has goes in the end. */
static void more_windows_than_there_are_places(void **state)
{
	unsigned char *at;

	(void)state;
	fill(pr.memory, pr.len);
	pr.on_write = make_stale;
	at = pages_prepare(0);
	put(at + 40 * PAGE, 4711);
	for (uint64_t n = 1; n <= WINDOWS - 1; n++) {
		write64(8, n);
		read64(0);
		assert_int_equal(load(at), n);
	}
	assert_int_equal(atomic_load(&pr.holds), WINDOWS);
	assert_int_equal(atomic_load(&pr.drops), 0);
	for (uint64_t n = WINDOWS; n <= WINDOWS + 10; n++) {
		write64(8, n);
		read64(0);
		assert_int_equal(load(at), n);
	}
	assert_in_range(atomic_load(&pr.drops), 1, 20);
	assert_int_equal(load(at + 40 * PAGE), 4711);
	assert_int_equal(pages_word(40 * PAGE), 4711);
	assert_true(pages_has(0, at, pr.len));
}

/* ---- all DROPs ---- */

#define READ_PAGES 400u
#define NEWS ((READ_PAGES - 2) * PAGE + 128)

/* Every second page becomes stale; a word of the page that was read as the last one but one tells of it. */
static bool every_second(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	if (offset != 64)
		return true;
	for (unsigned int i = 1; i < PAGES_HERE_MAX; i += 2)
		if (pr.held[i])
			say_stale(l, i * PAGE, PAGE);
	device_store(l, NEWS, &value, 8);
	say_cut(l);
	return true;
}

/* Pages between others that nobody watches need a DROP each, and there is room for so many at a time. */
static void more_drops_than_there_is_room_for(void **state)
{
	const unsigned int at_once = DROPS_ROOM / (WIRE_HEAD + 32);
	int64_t until = clock_deadline(SOON_NS);
	unsigned char *at;
	unsigned int drops;

	(void)state;
	fill(pr.memory, pr.len);
	pr.on_write = every_second;
	at = pages_prepare(0);
	for (size_t i = 0; i < READ_PAGES * PAGE; i += PAGE)
		assert_int_equal(load(at + i), pages_word(i));
	put(at + 300 * PAGE, 4711);
	write64(64, 77);
	await_load(at + NEWS, 77);
	drops = atomic_load(&pr.drops);
	read64(0);
	assert_in_range(atomic_load(&pr.drops), drops + at_once, drops + at_once + 8);
	assert_true(atomic_load(&pr.now_held) > PAGES_TO_READ);
	while (atomic_load(&pr.now_held) > PAGES_TO_READ) {
		read64(0);
		assert_true(clock_now_ns() < until);
	}
	assert_int_equal(pages_word(300 * PAGE), 4711);
	assert_true(pages_has(0, at, pr.len));
}

/* ---- pages that are swapped out ---- */

/* The other mapping of what lies at `at`. */
static unsigned char *library_view(const unsigned char *at)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t own = (uintptr_t)at, other = 0, from[256];
	unsigned long inode[256], wanted = 0;
	unsigned int num = 0;
	char line[512];

	assert_non_null(f);
	while (num < 256 && fgets(line, sizeof(line), f))
		if (strstr(line, "memfd:") &&
		    sscanf(line, "%lx-%*x %*s %*s %*s %lu", &from[num], &inode[num]) == 2)
			num++;
	fclose(f);
	for (unsigned int i = 0; i < num; i++)
		if (from[i] == own)
			wanted = inode[i];
	for (unsigned int i = 0; i < num; i++)
		if (inode[i] == wanted && from[i] != own)
			other = from[i];
	assert_true(wanted && other);
	return (unsigned char *)other;
}

/* The device adds one to a word of four pages. */
static bool count_up(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	for (unsigned int i = 0; i < 4; i++)
		device_store(l, i * PAGE + 1024, &value, 8);
	say_cut(l);
	return true;
}

/* Whichever view loses them, and when: what was written is told, and what is loaded is what there is. */
static void pages_leave_either_view(void **state)
{
	unsigned char *at, *library;

	(void)state;
	fill(pr.memory, pr.len);
	pr.on_write = count_up;
	at = pages_prepare(0);
	library = library_view(at);
	for (uint64_t n = 1; n <= 200; n++) {
		for (size_t page = 0; page < 6; page++)
			put(at + page * PAGE + 8 * (n % 64), n + page);
		if (n % 3)
			assert_int_equal(madvise(at, pr.len, MADV_PAGEOUT), 0);
		if (n % 2)
			assert_int_equal(madvise(library, pr.len, MADV_PAGEOUT), 0);
		put(at + 7 * PAGE, n);
		write64(8, n);
		if (n % 5 == 0)
			assert_int_equal(madvise(at, pr.len, MADV_PAGEOUT), 0);
		await_load(at + 3 * PAGE + 1024, n);
		assert_int_equal(load(at + 1024), n);
		for (size_t page = 0; page < 6; page++)
			assert_int_equal(pages_word(page * PAGE + 8 * (n % 64)), n + page);
		assert_int_equal(pages_word(7 * PAGE), n);
	}
	assert_true(pages_has(0, at, pr.len));
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, up_small, pages_down)
#define FULL(f) cmocka_unit_test_setup_teardown(f, up_full, pages_down)
#define LARGE(f) cmocka_unit_test_setup_teardown(f, up_large, pages_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(a_busy_server_is_asked_again),
		SMALL(a_server_that_stays_busy_is_lost),
		LARGE(a_touch_when_no_more_can_be_asked_for),
		SMALL(more_windows_than_there_are_places),
		FULL(more_drops_than_there_is_room_for),
		SMALL(pages_leave_either_view),
	};

	return trap_missing() ? 0 : RUN(tests);
}
