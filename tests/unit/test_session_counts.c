/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session counts while it serves: frames and bytes, times, refusals, and what is known of buffers. */
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/held-rig.h"

static uint64_t total(size_t which)
{
	return atomic_load(&counts.total[which]);
}

static uint64_t gauge(enum rpc_gauge which)
{
	return atomic_load(&counts.gauge[which]);
}

/* The reply to what was asked before has been counted when this one is there. */
static void settle(void)
{
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

static uint64_t timed(enum rpc_class of)
{
	size_t first = RPC_COUNTS + (size_t)of * RPC_TIME_LEN;
	uint64_t n = 0;

	for (size_t i = 1; i < RPC_TIME_LEN; i++)
		n += total(first + i);
	assert_true(!n || total(first)); /* no request takes no time */
	return n;
}

static int ended(void **state)
{
	(void)state;
	fake_down();
	return 0;
}

static void buckets(void **state)
{
	(void)state;
	assert_int_equal(rpc_bucket(-5), 0);
	assert_int_equal(rpc_bucket(0), 0);
	for (size_t i = 0; i < RPC_BUCKETS; i++) {
		assert_int_equal(rpc_bucket(rpc_bounds[i]), i);
		assert_int_equal(rpc_bucket(rpc_bounds[i] + 1), i + 1);
		assert_true(!i || rpc_bounds[i] > rpc_bounds[i - 1]);
	}
	assert_int_equal(rpc_bounds[0], NS_PER_US);
	assert_int_equal(rpc_bounds[RPC_BUCKETS - 1], 10 * NS_PER_S);
	assert_int_equal(rpc_bucket(INT64_MAX), RPC_BUCKETS);
}

/* Read by another process while they change: their places stay, and each is one number. */
static void fits_a_page(void **state)
{
	(void)state;
	assert_true(sizeof(struct rpc_counts) <= 4096);
	assert_true(atomic_is_lock_free(&counts.total[0]));
}

static void frames_and_bytes(void **state)
{
	uint64_t frames, in, out;

	(void)state;
	settle();
	settle();
	frames = total(RPC_FRAMES_IN);
	in = total(RPC_BYTES_IN);
	out = total(RPC_BYTES_OUT);
	look(); /* 12 bytes, and 8 in the answer */
	settle();
	assert_int_equal(total(RPC_FRAMES_IN), frames + 2);
	assert_int_equal(total(RPC_BYTES_IN), in + WIRE_HEAD + 12 + WIRE_HEAD);
	assert_int_equal(rig_end(&r), 0);
	assert_int_equal(total(RPC_FRAMES_IN), frames + 2);
	assert_int_equal(total(RPC_FRAMES_OUT), total(RPC_FRAMES_IN));
	assert_true(total(RPC_BYTES_OUT) >= out + WIRE_HEAD + 8 + WIRE_HEAD);
}

static void times_by_class(void **state)
{
	(void)state;
	prepare(PAGE, TRACKED);
	settle();
	assert_int_equal(timed(RPC_CLASS_MMIO), 0);
	assert_int_equal(timed(RPC_CLASS_BUFFER), 1);
	assert_int_equal(timed(RPC_CLASS_MANAGE), 1); /* OPEN */
	for (int i = 0; i < 10; i++)
		look();
	settle();
	assert_int_equal(timed(RPC_CLASS_MMIO), 10);
	assert_true(timed(RPC_CLASS_OTHER)); /* PINGs; the last may still be under way */
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	settle();
	assert_int_equal(timed(RPC_CLASS_MANAGE), 2);
	assert_int_equal(gauge(RPC_OPEN_HANDLES), 0);
}

static void failures(void **state)
{
	(void)state;
	assert_int_equal(total(RPC_FAILED), 0);
	assert_int_equal(drop(0, PAGE, 0), FPGA_NOT_FOUND);
	assert_int_equal(total(RPC_FAILED), 1); /* before it is told */
	assert_int_equal(total(RPC_DENIED), 0);
}

static uint32_t see_alone(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	(void)props;
	return WIRE_RIGHT_SEE;
}

static void denials(void **state)
{
	(void)state;
	fake_up();
	memset(&counts, 0, sizeof(counts));
	rig_new(&r);
	r.options.counts = &counts;
	r.options.rights = see_alone;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, fake_accelerator_id(0), 0);
	assert_int_equal(try_prepare(PAGE, 0), FPGA_NO_ACCESS);
	assert_int_equal(total(RPC_DENIED), 1);
	assert_int_equal(total(RPC_FAILED), 1);
	assert_int_equal(gauge(RPC_PINNED_BYTES), 0);
	assert_int_equal(rig_end(&r), 0);
	fake_down();
}

static void held_pages(void **state)
{
	unsigned char page[PAGE] = { 1 };

	(void)state;
	assert_int_equal(gauge(RPC_OPEN_HANDLES), 1);
	prepare(4 * PAGE, TRACKED);
	assert_int_equal(gauge(RPC_PINNED_BYTES), 8 * PAGE); /* and its twin */
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 0);
	held(0, 3 * PAGE, 0);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 3 * PAGE);
	assert_int_equal(total(RPC_PAGES_ASKED), 3);
	assert_int_equal(total(RPC_PAGES_GIVEN), 3);
	held(0, PAGE, 0); /* once more */
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 3 * PAGE);
	device_byte(0, 7);
	look();
	assert_int_equal(total(RPC_CUTS), 1);
	for (size_t i = 0; i < PAGE; i += 64)
		device_byte(PAGE + i, 9);
	look();
	assert_int_equal(total(RPC_PAGES_STALE), 1);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 2 * PAGE);
	assert_int_equal(drop(0, PAGE, 2), FPGA_OK);
	assert_int_equal(total(RPC_PAGES_DROPPED), 1);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), PAGE);
	assert_int_equal(write_back(2 * PAGE, 2, page, PAGE), FPGA_OK);
	assert_int_equal(total(RPC_WRITEBACK_BYTES), PAGE);
	forget_pushes(WIRE_CUT);
	rig_end(&r); /* with a page that is held */
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 0);
	assert_int_equal(gauge(RPC_PINNED_BYTES), 0);
	assert_int_equal(gauge(RPC_OPEN_HANDLES), 0);
	assert_int_equal(total(RPC_FRAMES_OUT) > total(RPC_FRAMES_IN), 1); /* several of a cut are one send */
}

static void release(uint64_t id)
{
	wire_put_u64(rig_body(&r), id);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, h), FPGA_OK);
}

static void whole_buffers(void **state)
{
	uint64_t first;

	(void)state;
	prepare(3 * PAGE, 0);
	first = wsid;
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 3 * PAGE);
	prepare(PAGE, READ_ONLY);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 3 * PAGE);
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 4 * PAGE);
	release(wsid);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 3 * PAGE);
	assert_int_equal(gauge(RPC_PINNED_BYTES), 7 * PAGE);
	release(first);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 0);
	assert_int_equal(gauge(RPC_PINNED_BYTES), PAGE);
	prepare(2 * PAGE, 0);
	rig_end(&r);
	assert_int_equal(gauge(RPC_WATCHED_BYTES), 0);
	assert_int_equal(gauge(RPC_PINNED_BYTES), 0);
}

#define ENDED(t) cmocka_unit_test_setup_teardown(t, up, ended)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets),
		cmocka_unit_test(fits_a_page),
		ENDED(frames_and_bytes),
		RIGGED(times_by_class),
		RIGGED(failures),
		cmocka_unit_test(denials),
		ENDED(held_pages),
		ENDED(whole_buffers),
	};

	return RUN(tests);
}
