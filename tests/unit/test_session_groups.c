/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client writes back comes in groups: short changes wait for the end of theirs. */
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/held-rig.h"

/* Posts a page that differs in one byte from zeros. */
static void post_byte(uint64_t page, size_t at, unsigned char byte, uint32_t more)
{
	static unsigned char bytes[PAGE];

	memset(bytes, 0, sizeof(bytes));
	bytes[at] = byte;
	put_back_more(page * PAGE, 0, more, bytes, PAGE);
	rig_post(&r, WIRE_WRITEBACK, h);
}

/* What was posted before has been carried out; of another kind than a frame of the handle's. */
static void carried_out(void)
{
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

static void a_group_ends_with_its_last_frame(void **state)
{
	static unsigned char full[PAGE];

	(void)state;
	memset(full, 5, sizeof(full));
	for (uint32_t flags = TRACKED; flags <= (TRACKED | READ_ONLY); flags++) {
		prepare(3 * PAGE, flags);
		post_byte(0, 7, 1, 1);
		put_back_more(PAGE, 0, 1, full, PAGE);
		rig_post(&r, WIRE_WRITEBACK, h);
		carried_out();
		assert_int_equal(device_has(7), 0);
		assert_int_equal(device_has(2 * PAGE - 1), 5); /* long ones need not wait */
		post_byte(2, 7, 2, 0);
		carried_out();
		assert_int_equal(device_has(7), 1);
		assert_int_equal(device_has(2 * PAGE + 7), 2);
		post_byte(2, 7, 3, 1);
		put_back_more(0, 0, 0, full, 0);
		rig_post(&r, WIRE_WRITEBACK, h);
		carried_out();
		assert_int_equal(device_has(2 * PAGE + 7), 3);
	}
	told_nothing();
}

static void what_cannot_wait_for_the_end(void **state)
{
	unsigned char page[PAGE] = { 0 };

	(void)state;
	prepare(2 * PAGE, TRACKED);
	held(0, PAGE, 0);
	post_byte(0, 1, 1, 1);
	look(); /* of another thread of the program's: it says nothing of the group */
	assert_int_equal(device_has(1), 0);
	held(PAGE, PAGE, 0);
	assert_int_equal(device_has(1), 0);
	held(0, PAGE, 0); /* that very page */
	assert_int_equal(device_has(1), 1);
	post_byte(0, 1, 2, 1);
	put_part(0, PAGE, 0);
	r.out.len = 16;
	wire_put_u32(&r.out, PAGE);
	assert_int_equal(rig_call(&r, WIRE_PULL, h), FPGA_OK);
	assert_int_equal(device_has(1), 2);
	post_byte(1, 1, 4, 1);
	put_part(PAGE, 16, 0);
	r.out.len = 16;
	wire_put_bytes(&r.out, page, 16);
	assert_int_equal(rig_call(&r, WIRE_PUSH, h), FPGA_OK); /* what replaces, replaces that as well */
	look();
	assert_int_equal(device_has(PAGE + 1), 0);
	told_nothing();
}

/* Received in its place, a piece at a time. */
static void a_long_push_replaces_what_was_put_aside(void **state)
{
	static unsigned char bytes[64 * 1024];

	(void)state;
	for (uint32_t flags = TRACKED; flags <= (TRACKED | READ_ONLY); flags++) {
		prepare(sizeof(bytes), flags);
		post_byte(15, PAGE - 1, 9, 1);
		put_part(0, sizeof(bytes), 0);
		r.out.len = 16;
		wire_put_bytes(&r.out, bytes, sizeof(bytes));
		assert_int_equal(rig_call(&r, WIRE_PUSH, h), FPGA_OK);
		assert_int_equal(device_has(sizeof(bytes) - 1), 0);
	}
}

/* It costs no more than a certain room, and nothing is lost. */
static void a_group_without_an_end(void **state)
{
	(void)state;
	prepare(100 * PAGE, TRACKED);
	for (uint32_t i = 1; i <= 1000; i++)
		post_byte(i % 100, i % PAGE, (unsigned char)(i % 250 + 1), 1);
	put_back_more(0, 0, 0, NULL, 0);
	rig_post(&r, WIRE_WRITEBACK, h);
	carried_out();
	for (uint32_t i = 901; i <= 1000; i++)
		assert_int_equal(device_has(i % 100 * PAGE + i), i % 250 + 1);
	post_byte(3, 5, 1, 1);
	wire_put_u64(rig_body(&r), wsid);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, h), FPGA_OK); /* and what it was of may go */
	prepare(PAGE, TRACKED);
	post_byte(0, 5, 1, 0);
	carried_out();
	assert_int_equal(device_has(5), 1);
}

static uint32_t send_release(uint64_t of)
{
	wire_put_u64(rig_body(&r), of);
	return rig_send(&r, WIRE_RELEASE, h);
}

static void post_end(uint64_t of)
{
	uint64_t last = wsid;

	wsid = of;
	put_back_more(0, 0, 0, NULL, 0);
	wsid = last;
	rig_post(&r, WIRE_WRITEBACK, h);
}

/* What was put aside of a buffer goes with it, and nothing else does. */
static void a_group_of_a_buffer_that_is_released(void **state)
{
	uint64_t gone;

	(void)state;
	for (uint32_t flags = TRACKED; flags <= (TRACKED | READ_ONLY); flags++) {
		uint32_t id;

		prepare(2 * PAGE, flags);
		gone = wsid;
		post_byte(0, 3, 1, 1);
		post_byte(1, 3, 1, 1);
		prepare(2 * PAGE, flags);
		post_byte(1, 3, 2, 1);
		id = send_release(gone);
		post_end(wsid); /* on its heels */
		assert_int_equal(rig_await(&r, id), FPGA_OK);
		carried_out();
		assert_int_equal(device_has(PAGE + 3), 2);
	}
	told_nothing();
}

/*
 * An end that names what is just gone: it is told of as any posted frame that fails, and the group is open
 * until another one ends it; a HOLD in between is carried out, for it is not the program's.
 */
static void an_end_that_names_a_released_buffer(void **state)
{
	struct rig_frame failed;
	uint64_t gone;
	uint32_t id;

	(void)state;
	prepare(PAGE, TRACKED);
	gone = wsid;
	prepare(3 * PAGE, TRACKED);
	post_byte(0, 3, 1, 1);
	post_byte(1, 3, 1, 1);
	id = send_release(gone);
	post_end(gone);
	assert_int_equal(rig_await(&r, id), FPGA_OK);
	failed = rig_await_push(&r, WIRE_FAILED);
	rig_frame_free(&failed);
	assert_int_equal(device_has(3), 0);
	held(2 * PAGE, PAGE, 0);
	assert_int_equal(device_has(3), 0);
	held(0, PAGE, 0);
	assert_int_equal(device_has(3), 1);
	assert_int_equal(rig_call(&r, WIRE_QUIESCE, h), FPGA_NOT_FOUND);
	assert_non_null(strstr(r.reply.why, "posted WRITEBACK: "));
	assert_non_null(strstr(r.reply.why, "is no buffer of this handle, or was released"));
	assert_int_equal(device_has(PAGE + 3), 0);
	post_end(wsid);
	look();
	assert_int_equal(device_has(PAGE + 3), 1);
	told_nothing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_group_ends_with_its_last_frame), RIGGED(what_cannot_wait_for_the_end),
		RIGGED(a_group_without_an_end), RIGGED(a_long_push_replaces_what_was_put_aside),
		RIGGED(a_group_of_a_buffer_that_is_released), RIGGED(an_end_that_names_a_released_buffer),
	};

	return RUN(tests);
}
