/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tracked buffers whose server goes, or whose kernel refuses, while the program is at it: nobody hangs, the
 * memory stays what the library has of it, and calls say what happened.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/unit/pages-rig.h"
#include "tests/unit/trap-rig.h"
#include "track/uapi.h"

#define THREADS 4u

static int up(void **state)
{
	(void)state;
	return pages_up(64 * PAGE);
}

static int up_large(void **state)
{
	(void)state;
	return pages_up(600 * PAGE);
}

static uint64_t load(const unsigned char *at)
{
	return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void put(unsigned char *at, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)at, v, __ATOMIC_RELEASE);
}

static void assert_lost(void)
{
	uint64_t v;

	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "the connection is lost"));
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0, 1), FPGA_EXCEPTION);
}

/* ---- a server that goes ---- */

static unsigned int last_hold; /* the one that gets no answer */
static bool ends;	       /* and the link with it */

/* Its bytes come, and then nothing. */
static bool half_an_answer(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	say_data(l, offset, pr.memory + offset, len);
	if (pr.holds < last_hold)
		say_granted(l, f, len);
	return pr.holds < last_hold || !ends;
}

struct waiter {
	pthread_t thread;
	const unsigned char *at;
	uint64_t sum;
};

static void *load_pages(void *arg)
{
	struct waiter *w = arg;

	for (size_t i = 0; i < pr.len; i += PAGE)
		w->sum += load(w->at + i);
	return NULL;
}

/* They wait for pages, each for his own and for the same ones. */
static void wait_in_vain(unsigned int hold, bool link_ends)
{
	struct waiter w[THREADS];
	unsigned char *at;

	last_hold = hold;
	ends = link_ends;
	pr.on_hold = half_an_answer;
	put(pr.memory, 77);
	at = pages_prepare(0);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct waiter){ .at = at };
		assert_int_equal(pthread_create(&w[i].thread, NULL, load_pages, &w[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].sum, 77); /* which had come, and zeros */
	}
	assert_lost();
	memset(at, 1, pr.len);
	assert_int_equal(at[pr.len - 1], 1);
}

static void those_who_wait_when_it_goes(void **state)
{
	(void)state;
	for (unsigned int hold = 1; hold <= 3; hold++) {
		wait_in_vain(hold, true);
		pages_down(state);
		pages_up(64 * PAGE);
	}
}

static void those_who_wait_when_it_is_silent(void **state)
{
	(void)state;
	wait_in_vain(2, false);
}

static bool go_in_the_end(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)l;
	(void)offset;
	return value < 50;
}

static void *store_pages(void *arg)
{
	unsigned char *at = arg;

	for (uint64_t n = 1; n <= 10; n++)
		for (size_t i = 0; i < pr.len; i += PAGE)
			put(at + i + 512, n);
	return NULL;
}

static void it_goes_in_the_middle_of_a_stream(void **state)
{
	int64_t until = clock_deadline(60 * NS_PER_S);
	fpga_result r = FPGA_OK;
	pthread_t thread;
	unsigned char *at;

	(void)state;
	pr.on_write = go_in_the_end;
	at = pages_prepare(0);
	assert_int_equal(pthread_create(&thread, NULL, store_pages, at), 0);
	for (uint64_t n = 1; r == FPGA_OK; n++) {
		for (size_t i = n % 16 * PAGE; i < pr.len; i += 16 * PAGE)
			put(at + i, n);
		r = rig.t.fpgaWriteMMIO64(h, 0, 8, n);
		assert_true(clock_now_ns() < until);
	}
	assert_int_equal(r, FPGA_EXCEPTION);
	pthread_join(thread, NULL);
	assert_lost();
	for (size_t i = 0; i < pr.len; i += PAGE)
		assert_int_equal(load(at + i + 512), 10);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, WSID), FPGA_EXCEPTION);
}

/* ---- a kernel that refuses ---- */

enum refused { SHOW, ASK, HIDE, FILL, KINDS };

static atomic_int until_refusal; /* the call that fails; 0: none does */
static _Atomic enum refused kind;

static bool is_refused(enum refused what)
{
	return what == kind && atomic_load(&until_refusal) > 0 && atomic_fetch_sub(&until_refusal, 1) == 1;
}

static int refusing_ioctl(int fd, unsigned long request, void *arg)
{
	if ((request == UFFDIO_CONTINUE && is_refused(SHOW)) || (request == PAGEMAP_SCAN && is_refused(ASK)))
		return -EIO;
	return sys_kernel.ioctl(fd, request, arg);
}

static int refusing_madvise(void *at, size_t len, int advice)
{
	if ((advice == MADV_DONTNEED_LOCKED && is_refused(HIDE)) ||
	    (advice == MADV_POPULATE_WRITE && is_refused(FILL)))
		return -EIO;
	return sys_kernel.madvise(at, len, advice);
}

static bool store_and_tell(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	for (unsigned int i = 0; i < 64; i += 9)
		device_store(l, i * PAGE + 1024, (uint64_t[2]){ value, value }, 16);
	say_cut(l);
	return true;
}

/* All that there is to do with pages. Whatever fails, the program's memory is the program's. */
static void use(void)
{
	/* What the device only reads is shown before anybody has written to it. */
	unsigned char *at = pages_prepare(kind == FILL ? FPGA_BUF_READ_ONLY : 0);
	uint64_t v;

	for (uint64_t n = 1; n <= 2; n++) {
		for (size_t i = 0; i < pr.len; i += PAGE)
			put(at + i, n + i);
		rig.t.fpgaWriteMMIO64(h, 0, 8, n);
		rig.t.fpgaReadMMIO64(h, 0, 0, &v);
		for (size_t i = 0; i < pr.len; i += PAGE)
			assert_int_equal(load(at + i), n + i);
	}
}

static void one_call_is_refused(enum refused what, int n, bool *reached)
{
	int64_t until = clock_deadline(60 * NS_PER_S);
	fpga_result r;
	uint64_t v;

	kind = what;
	pages_up(600 * PAGE);
	pr.on_write = store_and_tell;
	atomic_store(&until_refusal, n);
	use();
	*reached = !atomic_exchange(&until_refusal, 0);
	do { /* it may be the I/O thread's, which is just about to say so */
		r = rig.t.fpgaReadMMIO64(h, 0, 0, &v);
		assert_true(clock_now_ns() < until);
	} while (*reached && r == FPGA_OK);
	assert_int_equal(r, *reached ? FPGA_EXCEPTION : FPGA_OK);
	if (*reached && !strstr(detail(), "the connection is lost: Input/output error"))
		fail_msg("%d, %d: %s", (int)what, n, detail());
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, WSID), r);
	pages_down(NULL);
}

static void refusals(void **state)
{
	(void)state;
	for (unsigned int what = 0; what < KINDS; what++) {
		int n = what == HIDE ? 2 : 1; /* the first call that hides is part of making the memory */
		bool reached = true, any = false;

		for (; reached && n < 400; n += 1 + n / 2) {
			one_call_is_refused(what, n, &reached);
			any |= reached;
		}
		if (!any)
			fail_msg("calls of kind %u: none fails", what);
	}
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, up, pages_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(those_who_wait_when_it_goes),
		SMALL(those_who_wait_when_it_is_silent),
		cmocka_unit_test_setup_teardown(it_goes_in_the_middle_of_a_stream, up_large, pages_down),
		cmocka_unit_test(refusals),
	};
	struct sys_ops ops = sys_kernel;

	if (trap_missing())
		return 0;
	ops.ioctl = refusing_ioctl;
	ops.madvise = refusing_madvise;
	sys_set(&ops); /* before there are threads */
	return RUN(tests);
}
