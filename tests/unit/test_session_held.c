/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked buffers of a session: what is held is told by cuts, and nothing that either end stores is lost. */
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/held-rig.h"

/* ---- cuts ---- */

static void only_what_is_held_is_told(void **state)
{
	(void)state;
	prepare(4 * PAGE, TRACKED);
	device_byte(0, 1);
	device_byte(PAGE, 2);
	look();
	told_nothing();
	held(PAGE, PAGE, 0);
	assert_int_equal(r.pushes[0].len, 20 + 64); /* a line; no cut's */
	rig_frame_free(&r.pushes[0]);
	r.num_pushes = 0;
	look();
	told_nothing();
	device_byte(PAGE + 8, 3);
	device_byte(8, 3);
	look();
	told_byte(PAGE + 8, 3);
	told_cut(1);
	assert_int_equal(drop(PAGE, PAGE, 1), FPGA_OK);
	device_byte(PAGE + 9, 4);
	look();
	told_nothing();
}

/* A run has no byte that has not changed; a cut is of all the handle's buffers. */
static void a_cut_is_exact(void **state)
{
	unsigned char bytes[200];
	uint64_t first;

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	prepare(2 * PAGE, TRACKED);
	held(0, 2 * PAGE, 0);
	first = wsid;
	device_byte(0, 1);
	device_byte(2, 1);
	device(PAGE - 100, bytes, 200);
	prepare(100, TRACKED);
	held(0, PAGE, 0);
	told_nothing(); /* nothing of what was asked for is new */
	look();
	told_data(first, 0, "\1", 1);
	told_data(first, 2, "\1", 1);
	told_data(first, PAGE - 100, bytes, 100);
	told_data(first, PAGE, bytes, 100);
	told_cut(1);
	told_nothing();
	device_byte(99, 5);
	device_byte(50, 0); /* as it is */
	look();
	told_byte(99, 5);
	told_cut(2);
}

/* What is told of pages that are asked for comes behind the cut of the same look, and before the reply. */
static void a_hold_is_a_look(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	prepare(8 * PAGE, TRACKED);
	held(0, PAGE, 0);
	memset(page, 9, sizeof(page));
	device_byte(10, 1);
	device(4 * PAGE, page, PAGE);
	device(5 * PAGE, page, 64);
	device_byte(6 * PAGE, 2); /* not asked for */
	held(3 * PAGE, 3 * PAGE, 0);
	told_byte(10, 1);
	told_cut(1);
	assert_int_equal(r.pushes[0].len, 20 + PAGE + 64);
	rig_frame_free(&r.pushes[0]);
	r.num_pushes = 0;
	/* Asked for again, it is as if it were not held. */
	device_byte(3 * PAGE, 3);
	held(3 * PAGE, PAGE, 1);
	assert_int_equal(r.pushes[0].len, 20 + 64);
	assert_int_equal(r.num_pushes, 1);
}

static void a_long_hold_comes_in_pieces(void **state)
{
	static unsigned char all[WIRE_HOLD_MAX], got[WIRE_HOLD_MAX];
	size_t at = 0;

	(void)state;
	prepare(WIRE_HOLD_MAX - 100, TRACKED);
	for (size_t i = 0; i < sizeof(all) - 100; i++)
		all[i] = (unsigned char)(i / PAGE % 255 + 1);
	device(0, all, sizeof(all) - 100);
	held(0, WIRE_HOLD_MAX, 0);
	while (r.num_pushes) {
		struct rig_frame f = told(WIRE_DATA);
		const void *bytes;
		size_t len;

		assert_int_equal(wire_get_u64(&f.in), wsid);
		assert_int_equal(wire_get_u64(&f.in), at);
		bytes = wire_get_bytes(&f.in, &len);
		assert_in_range(len, 1, WIRE_BULK);
		memcpy(got + at, bytes, len);
		at += len;
		rig_frame_free(&f);
	}
	assert_int_equal(at, sizeof(all) - 100);
	assert_memory_equal(got, all, at);
}

/* ---- what the program stored ---- */

static void claims_keep_what_the_client_has_not_read(void **state)
{
	unsigned char page[PAGE] = { 0 };

	(void)state;
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	device_byte(3, 3);
	look();
	told_byte(3, 3);
	told_cut(1);
	page[2] = 2;
	assert_int_equal(write_back(0, 0, page, PAGE), FPGA_OK); /* has not read the cut */
	assert_int_equal(device_has(3), 3);
	assert_int_equal(device_has(2), 2);
	look();
	told_nothing();
	page[3] = 30; /* both stored there: the device's is what remains, for the client gets it */
	assert_int_equal(write_back(0, 0, page, PAGE), FPGA_OK);
	assert_int_equal(device_has(3), 3);
	assert_int_equal(write_back(0, 1, page, PAGE), FPGA_OK);
	assert_int_equal(device_has(3), 30);
	look();
	told_nothing();
}

/* Bytes of the device's that nobody was told of stay beside those of the program, in a word as in a page. */
static void a_write_back_keeps_what_the_device_did(void **state)
{
	unsigned char page[PAGE] = { 0 };

	(void)state;
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	device_byte(1, 1);
	device_byte(100, 1);
	page[0] = 10;
	page[99] = 11;
	page[PAGE - 1] = 12;
	put_back(0, 0, page, PAGE);
	rig_post(&r, WIRE_WRITEBACK, h);
	look();
	told_byte(1, 1);
	told_byte(100, 1);
	told_cut(1);
	assert_int_equal(device_has(0), 10);
	assert_int_equal(device_has(99), 11);
	assert_int_equal(device_has(PAGE - 1), 12);
	assert_int_equal(device_has(1), 1);
}

/* A page that is dropped is written back afterwards; of another cut the claims stay. */
static void claims_outlive_what_is_held(void **state)
{
	unsigned char page[PAGE] = { 0 };

	(void)state;
	prepare(2 * PAGE, TRACKED);
	held(0, 2 * PAGE, 0);
	device_byte(3, 3);
	look();
	device_byte(4, 4);
	device_byte(PAGE, 5);
	look();
	told_byte(3, 3);
	told_cut(1);
	told_byte(4, 4);
	told_byte(PAGE, 5);
	told_cut(2);
	assert_int_equal(drop(0, PAGE, 1), FPGA_OK);
	page[3] = 33;
	page[5] = 55;
	assert_int_equal(write_back(0, 1, page, PAGE), FPGA_OK);
	assert_int_equal(device_has(3), 33);
	assert_int_equal(device_has(4), 4);
	assert_int_equal(device_has(5), 55);
	look();
	told_nothing();
}

static void several_pages_and_a_short_one(void **state)
{
	static unsigned char all[17 * PAGE], got[17 * PAGE];
	size_t len = sizeof(all) - PAGE - 5;

	(void)state;
	for (uint32_t flags = TRACKED; flags <= (TRACKED | READ_ONLY); flags++) {
		prepare(sizeof(all) - 5, flags);
		for (size_t i = 0; i < sizeof(all); i++)
			all[i] = (unsigned char)(i % 251 + flags);
		assert_int_equal(write_back(0, 0, all, PAGE), FPGA_OK);
		put_back(PAGE, 0, all + PAGE, len);
		rig_post(&r, WIRE_WRITEBACK, h);
		look();
		assert_true(fake_dma_read(io, got, sizeof(got)));
		assert_memory_equal(got, all, sizeof(all) - 5);
		assert_int_equal(got[sizeof(got) - 1], 0);
		assert_int_equal(write_back(PAGE, 0, all + PAGE, len - 1), FPGA_INVALID_PARAM);
		assert_int_equal(write_back(PAGE, 0, all + PAGE, len + 1), FPGA_INVALID_PARAM);
	}
	told_nothing();
}

static void what_replaces(void **state)
{
	unsigned char page[PAGE] = { 0 }, pushed[16];

	(void)state;
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	device_byte(3, 3);
	look();
	told_byte(3, 3);
	told_cut(1);
	memset(pushed, 8, sizeof(pushed));
	put_part(0, 0, 0);
	r.out.len = 16;
	wire_put_bytes(&r.out, pushed, sizeof(pushed));
	assert_int_equal(rig_call(&r, WIRE_PUSH, h), FPGA_OK);
	look();
	told_nothing(); /* both ends have it */
	memcpy(page, pushed, sizeof(pushed));
	page[3] = 4;
	assert_int_equal(write_back(0, 0, page, PAGE), FPGA_OK);
	assert_int_equal(device_has(3), 4); /* nothing is claimed any more */
	device_byte(5, 5);
	put_part(0, 0, 0);
	r.out.len = 16;
	wire_put_u32(&r.out, PAGE);
	assert_int_equal(rig_call(&r, WIRE_PULL, h), FPGA_OK);
	assert_int_equal(r.reply.body[4 + 5], 5);
	look();
	told_nothing();
	put_part(0, 0, 0); /* a posted PUSH keeps what was told and not read */
	device_byte(6, 6);
	look();
	told_byte(6, 6);
	told_cut(2);
	put_part(0, 0, 0);
	r.out.len = 16;
	wire_put_bytes(&r.out, page, sizeof(pushed));
	rig_post(&r, WIRE_PUSH, h);
	look();
	told_nothing();
	assert_int_equal(device_has(6), 6);
}

/* ---- STALE ---- */

static void what_is_too_much_is_stale(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	memset(page, 1, sizeof(page));
	prepare(4 * PAGE, TRACKED);
	held(0, 4 * PAGE, 0);
	for (size_t i = 0; i <= 32; i++)
		device_byte(i * 16, 1); /* 33 runs */
	device(PAGE, page, 1025);
	device(2 * PAGE, page, 1024);
	for (size_t i = 0; i < 32; i++)
		device_byte(3 * PAGE + i * 2, 1);
	look();
	told_stale(0, 2 * PAGE);
	told_data(wsid, 2 * PAGE, page, 1024);
	for (size_t i = 0; i < 32; i++)
		told_byte(3 * PAGE + i * 2, 1);
	told_cut(1);
	device_byte(5, 1);
	look();
	told_nothing(); /* it is held no more */
	held(0, PAGE, 1);
	assert_int_equal(r.pushes[0].len, 20 + 9 * 64); /* up to byte 512 */
}

static void a_cut_is_bounded(void **state)
{
	unsigned char bytes[1024];
	size_t data = 0, stale = 0;

	(void)state;
	memset(bytes, 1, sizeof(bytes));
	prepare(80 * PAGE, TRACKED);
	held(0, 80 * PAGE, 0);
	for (size_t i = 0; i < 80; i++)
		device(i * PAGE, bytes, sizeof(bytes));
	look();
	while (r.num_pushes > 1) {
		bool is_data = r.pushes[0].head.op == WIRE_DATA;
		struct rig_frame f = told(is_data ? WIRE_DATA : WIRE_STALE);

		if (is_data)
			data += f.len - 20;
		else
			stale += f.body[16] + 256u * f.body[17] + 65536u * f.body[18];
		rig_frame_free(&f);
	}
	told_cut(1);
	assert_int_equal(data, WIRE_CUT_MAX);
	assert_int_equal(stale, 16 * PAGE);
}

/* Who never says what it has read is told no more bytes, until it asks. */
static void claims_are_bounded(void **state)
{
	(void)state;
	prepare(33 * PAGE, TRACKED);
	held(0, 33 * PAGE, 0);
	for (size_t i = 0; i < 33 * 32; i++)
		device_byte(i / 32 * PAGE + i % 32 * 16, 1);
	look();
	for (size_t i = 0; i < 32 * 32; i++)
		told_byte(i / 32 * PAGE + i % 32 * 16, 1);
	told_stale(32 * PAGE, PAGE);
	told_cut(1);
	device_byte(1, 1);
	look();
	told_stale(0, PAGE);
	told_cut(2);
	held(0, PAGE, 2);
	rig_frame_free(&r.pushes[0]);
	r.num_pushes = 0;
	device_byte(2, 1);
	look();
	told_byte(2, 1);
	told_cut(3);
}

static void a_stale_page_may_be_dropped(void **state)
{
	unsigned char page[PAGE];

	(void)state;
	memset(page, 1, sizeof(page));
	prepare(2 * PAGE, TRACKED);
	assert_int_equal(drop(0, PAGE, 0), FPGA_INVALID_PARAM);
	held(0, 2 * PAGE, 0);
	device(0, page, PAGE);
	look();
	told_stale(0, PAGE);
	told_cut(1);
	assert_int_equal(drop(0, 2 * PAGE, 0), FPGA_OK); /* has not read it yet */
	assert_int_equal(drop(0, PAGE, 1), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "1 pages from page 0 on are not all held");
}

/* ---- other buffers ---- */

/* Data in a buffer that is not tracked, and its flag in one that is; and the other way round. */
static void both_kinds(void **state)
{
	unsigned char data[32];
	uint64_t eager, eager_io;

	(void)state;
	memset(data, 1, sizeof(data));
	prepare(PAGE, 0);
	eager = wsid;
	eager_io = io;
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	assert_true(fake_dma_write(eager_io, data, sizeof(data)));
	device_byte(0, 1);
	look();
	told_data(eager, 0, data, sizeof(data));
	told_byte(0, 1);
	told_cut(1);
	device(64, data, sizeof(data));
	assert_true(fake_dma_write(eager_io + 64, data, 1));
	look();
	told_data(wsid, 64, data, sizeof(data));
	told_cut(2);
	told_data(eager, 64, data, 1);
	told_nothing();
}

static void the_child_of_an_owner(void **state)
{
	uint64_t child = rig_open(&r, fake_accelerator_id(1), 0);

	(void)state;
	prepare(PAGE, TRACKED);
	held(0, PAGE, 0);
	put_part(0, 0, 0);
	rig_body(&r);
	wire_put_u64(&r.out, h);
	wire_put_u64(&r.out, wsid);
	wire_put_u64(&r.out, io);
	assert_int_equal(rig_call(&r, WIRE_PIN, child), FPGA_OK);
	device_byte(0, 1);
	rig_read(&r, child, 0, 0);
	told_byte(0, 1); /* of the owner's handle */
	told_cut(1);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, child), FPGA_OK);
	wire_put_u64(rig_body(&r), wsid);
	device_byte(1, 1);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, h), FPGA_OK);
	told_byte(1, 1);
	told_cut(2);
	look();
	told_nothing();
}

/* ---- peers that break the rules ---- */

static void flags_of_prepare(void **state)
{
	(void)state;
	assert_int_equal(try_prepare(PAGE, TRACKED | EXPLICIT), FPGA_INVALID_PARAM);
	assert_int_equal(try_prepare(PAGE, 8), FPGA_INVALID_PARAM);
	assert_int_equal(try_prepare(UINT64_MAX, TRACKED), FPGA_NO_MEMORY);
	assert_int_equal(try_prepare(PAGE, TRACKED | READ_ONLY), FPGA_OK);
}

static void holds_that_cannot_be(void **state)
{
	static const struct { uint64_t offset, len; } bad[] = {
		{ 0, 0 }, { 1, PAGE }, { 0, PAGE + 1 }, { 4 * PAGE, PAGE }, { 3 * PAGE, 2 * PAGE },
		{ UINT64_MAX - PAGE + 1, PAGE }, { 0, UINT64_MAX - PAGE + 1 }, { PAGE, WIRE_HOLD_MAX + PAGE },
	};

	(void)state;
	prepare(3 * PAGE + 1, TRACKED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hold(bad[i].offset, bad[i].len, 0), FPGA_INVALID_PARAM);
		assert_int_equal(drop(bad[i].offset, bad[i].len, 0), FPGA_INVALID_PARAM);
	}
	assert_int_equal(hold(0, PAGE, 1), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "cut 1 was not sent yet: the last was 0");
	held(0, 4 * PAGE, 0);
	assert_int_equal(drop(0, PAGE, 1), FPGA_INVALID_PARAM);
	assert_int_equal(drop(0, PAGE, 0), FPGA_OK);
	wsid++;
	assert_int_equal(hold(0, PAGE, 0), FPGA_NOT_FOUND);
	assert_int_equal(drop(0, PAGE, 0), FPGA_NOT_FOUND);
	prepare(PAGE, 0);
	assert_int_equal(hold(0, PAGE, 0), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "the buffer was not prepared as tracked");
	prepare(PAGE, TRACKED | READ_ONLY);
	assert_int_equal(hold(0, PAGE, 0), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_HOLD, h), FPGA_INVALID_PARAM); /* without a body */
	assert_int_equal(rig_call(&r, WIRE_DROP, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_WRITEBACK, h), FPGA_INVALID_PARAM);
}

static void write_backs_that_cannot_be(void **state)
{
	static unsigned char page[2 * PAGE];

	(void)state;
	memset(page, 1, sizeof(page));
	for (uint32_t flags = TRACKED; flags <= (TRACKED | READ_ONLY); flags++) {
		prepare(PAGE + 100, flags);
		assert_int_equal(write_back(0, 1, page, PAGE), FPGA_INVALID_PARAM);
		assert_int_equal(write_back(1, 0, page, PAGE), FPGA_INVALID_PARAM);
		put_back_more(0, 0, 1, page, 0);
		assert_int_equal(rig_call(&r, WIRE_WRITEBACK, h), FPGA_INVALID_PARAM);
		put_back_more(0, 0, 2, page, PAGE);
		assert_int_equal(rig_call(&r, WIRE_WRITEBACK, h), FPGA_INVALID_PARAM);
		assert_int_equal(write_back(0, 0, page, 2 * PAGE), FPGA_INVALID_PARAM);
		assert_int_equal(write_back(PAGE, 0, page, 99), FPGA_INVALID_PARAM);
		assert_int_equal(write_back(UINT64_MAX - PAGE + 1, 0, page, PAGE), FPGA_INVALID_PARAM);
		assert_int_equal(device_has(0), 0);
		assert_int_equal(write_back(PAGE, 0, page, 100), FPGA_OK);
	}
	prepare(PAGE, 0);
	put_back(0, 0, page, PAGE);
	rig_post(&r, WIRE_WRITEBACK, h);
	assert_int_equal(rig_call(&r, WIRE_QUIESCE, h), FPGA_INVALID_PARAM); /* told, and not carried out */
	assert_string_equal(r.reply.why, "posted WRITEBACK: the buffer was not prepared as tracked");
	assert_int_equal(device_has(0), 0);
	look();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(only_what_is_held_is_told), RIGGED(a_cut_is_exact), RIGGED(a_hold_is_a_look),
		RIGGED(a_long_hold_comes_in_pieces),
		RIGGED(claims_keep_what_the_client_has_not_read),
		RIGGED(a_write_back_keeps_what_the_device_did),
		RIGGED(claims_outlive_what_is_held),
		RIGGED(several_pages_and_a_short_one),
		RIGGED(what_replaces),
		RIGGED(what_is_too_much_is_stale),
		RIGGED(a_cut_is_bounded),
		RIGGED(claims_are_bounded),
		RIGGED(a_stale_page_may_be_dropped),
		RIGGED(both_kinds),
		RIGGED(the_child_of_an_owner),
		RIGGED(flags_of_prepare),
		RIGGED(holds_that_cannot_be),
		RIGGED(write_backs_that_cannot_be),
	};

	return RUN(tests);
}
