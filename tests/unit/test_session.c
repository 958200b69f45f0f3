/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session answers, as a peer sees it that writes and reads the frames itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/session-rig.h"

#define ACCELERATOR fake_accelerator_id(0)
#define SECOND UINT64_C(1000000) /* of microseconds */

static struct rig r;

static int up(void **state)
{
	(void)state;
	fake_up();
	rig_new(&r);
	rig_start(&r);
	rig_hello(&r);
	return 0;
}

static int down(void **state)
{
	(void)state;
	assert_int_equal(rig_end(&r), 0);
	fake_down();
	return 0;
}

/* ---- objects ---- */

static void all_is_listed(void **state)
{
	static const uint64_t ids[] = { 0xd000, 0xa000, 0xd001, 0xa001 };
	struct opae_props p;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(wire_more(&r.reply.in));
		assert_int_equal(wire_get_u64(&r.reply.in), ids[i]);
		assert_int_equal(wire_get_u64(&r.reply.in), i % 2 ? ids[i - 1] : 0);
		wire_get_props(&r.reply.in, &p);
		assert_int_equal(p.object_id, ids[i]);
		assert_int_equal(p.objtype, i % 2 ? FPGA_ACCELERATOR : FPGA_DEVICE);
	}
	assert_false(wire_more(&r.reply.in));
	assert_false(r.reply.in.bad);
}

static void a_filter_is_handed_on(void **state)
{
	struct opae_props p = { .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_BUS, .objtype = FPGA_ACCELERATOR };

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	p.bus = 1;
	wire_put_props(rig_body(&r), &p);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), fake_accelerator_id(1));
	assert_int_equal(wire_get_u64(&r.reply.in), fake_device_id(1));
	wire_get_props(&r.reply.in, &p);
	assert_false(wire_more(&r.reply.in));
	/* The others are not gone because they were not asked for. */
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_OK);
	assert_int_equal(atomic_load(&fake.enumerations), 2);
	assert_int_equal(r.num_pushes, 0);
}

static void filters_are_bounded(void **state)
{
	struct opae_props p = { .valid = OPAE_PROP_BUS };

	(void)state;
	for (unsigned int num = 64; num <= 65; num++) {
		rig_body(&r);
		for (unsigned int i = 0; i < num; i++)
			wire_put_props(&r.out, &p);
		assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), num == 64 ? FPGA_OK : FPGA_INVALID_PARAM);
	}
	assert_string_equal(r.reply.why, "ENUMERATE: more than 64 filters");
}

static void a_long_listing_comes_in_several_frames(void **state)
{
	uint32_t id, num = 0, frames = 0;
	struct opae_props p;

	(void)state;
	fake.ghosts = 500;
	id = rig_send(&r, WIRE_ENUMERATE, 0);
	do {
		assert_int_equal(rig_await(&r, id), FPGA_OK);
		for (frames++; wire_more(&r.reply.in); num++) {
			wire_get_u64(&r.reply.in);
			wire_get_u64(&r.reply.in);
			wire_get_props(&r.reply.in, &p);
			assert_false(r.reply.in.bad);
		}
	} while (r.reply.head.flags & WIRE_MORE);
	assert_int_equal(p.object_id, FAKE_GHOST + 499);
	assert_int_equal(num, 504);
	assert_true(frames > 3);
}

static void an_enumeration_that_fails_says_why(void **state)
{
	(void)state;
	fake.enumerate_result = FPGA_EXCEPTION;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_EXCEPTION);
	assert_string_equal(r.reply.why, "model: enumeration fails");
}

static void properties_come_with_why_some_are_not_set(void **state)
{
	struct opae_props p;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, fake_device_id(1)), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), 0);
	wire_get_props(&r.reply.in, &p);
	assert_int_equal(p.num_slots, 1);
	assert_int_equal(wire_get_u32(&r.reply.in), OPAE_PROP_BBS_ID);
	assert_memory_equal(wire_get_text(&r.reply.in).at, "the model has no blue bitstream", 31);
	assert_false(wire_more(&r.reply.in));
	fake.cards[1].gone = true;
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, fake_device_id(1)), FPGA_NOT_FOUND);
	assert_string_equal(r.reply.why, "model: the card is gone");
}

static void an_unknown_object_is_looked_for_once(void **state)
{
	(void)state;
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_OK);
	assert_int_equal(atomic_load(&fake.enumerations), 1);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, 77), FPGA_NOT_FOUND);
	assert_string_equal(r.reply.why, "there is no object 0x4d here");
	assert_int_equal(atomic_load(&fake.enumerations), 2);
	fake.num_cards = 3;
	rig_open(&r, fake_accelerator_id(2), 0);
}

/* However many are named: what is not there is no way to keep a session busy. */
static void unknown_objects_share_a_look(void **state)
{
	int64_t began = clock_now_ns(), most;
	uint32_t ids[40];

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		ids[i] = rig_send(&r, WIRE_PROPERTIES, 1000 + i);
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(rig_await(&r, ids[i]), FPGA_NOT_FOUND);
	most = 2 + (clock_now_ns() - began) / (100 * NS_PER_MS);
	assert_in_range(atomic_load(&fake.enumerations), 1, most);
	for (unsigned int i = 0; i < 40; i++)
		ids[i] = rig_send(&r, WIRE_PROPERTIES, i % 2 ? ACCELERATOR : 1000 + i);
	rig_call(&r, WIRE_ENUMERATE, 0); /* does not wait for that */
	for (unsigned int i = 0; i < 40; i++)
		assert_int_equal(rig_await(&r, ids[i]), i % 2 ? FPGA_OK : FPGA_NOT_FOUND);
}

/* ---- handles ---- */

static void open_tells_what_was_opened(void **state)
{
	struct opae_props p;

	(void)state;
	wire_put_u32(rig_body(&r), 0);
	assert_int_equal(rig_call(&r, WIRE_OPEN, ACCELERATOR), FPGA_OK);
	assert_int_not_equal(wire_get_u64(&r.reply.in), 0);
	assert_int_equal(wire_get_u64(&r.reply.in), fake_device_id(0));
	wire_get_props(&r.reply.in, &p);
	assert_int_equal(p.object_id, ACCELERATOR);
	assert_int_equal(p.state, FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(wire_get_u64(&r.reply.in), FAKE_REGION);
	assert_int_equal(wire_get_u32(&r.reply.in), OPAEX_MMIO_MAPPED | OPAEX_MMIO_READ | OPAEX_MMIO_WRITE);
	assert_int_equal(wire_get_u64(&r.reply.in), FAKE_REGION1);
	wire_get_u32(&r.reply.in);
	assert_false(wire_more(&r.reply.in));
	assert_false(r.reply.in.bad);
}

static void open_fails_as_the_table_does(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	wire_put_u32(rig_body(&r), 0);
	assert_int_equal(rig_call(&r, WIRE_OPEN, ACCELERATOR), FPGA_BUSY);
	assert_string_equal(r.reply.why, "model: somebody has it open");
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED);
	rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED | 0xf0);
	assert_int_equal(atomic_load(&fake.handles), 2);
}

static void a_handle_is_used_and_closed(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), again;

	(void)state;
	rig_put_write(&r, 0, 8, 0x40, 77);
	rig_put_write(&r, 0, 4, 0x44, 1);
	assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_OK);
	assert_int_equal(rig_read(&r, h, 0, 0x40), 77 | UINT64_C(1) << 32);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_string_equal(fake.log, "open quiesce close ");
	again = rig_open(&r, ACCELERATOR, 0);
	assert_int_not_equal(again, h);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, UINT64_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, 0), FPGA_INVALID_PARAM);
}

static void what_cannot_be_quiesced_is_reset(void **state)
{
	(void)state;
	fake.quiesce_result = FPGA_NOT_SUPPORTED;
	assert_int_equal(rig_call(&r, WIRE_CLOSE, rig_open(&r, ACCELERATOR, 0)), FPGA_OK);
	fake.quiesce_result = FPGA_EXCEPTION;
	assert_int_equal(rig_call(&r, WIRE_CLOSE, rig_open(&r, ACCELERATOR, 0)), FPGA_OK);
	assert_string_equal(fake.log, "open reset close open reset close ");
}

static void a_shared_device_goes_on_when_one_closes(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED);

	(void)state;
	rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_string_equal(fake.log, "open open close ");
}

static void a_device_is_reset_and_quiesced(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	struct opae_props p;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_RESET, h), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_QUIESCE, h), FPGA_OK);
	assert_int_equal(atomic_load(&fake.cards[0].resets), 1);
	assert_int_equal(atomic_load(&fake.cards[0].quiesced), 1);
	assert_int_equal(rig_call(&r, WIRE_HANDLE_PROPERTIES, h), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), fake_device_id(0));
	wire_get_props(&r.reply.in, &p);
	assert_int_equal(p.object_id, ACCELERATOR);
}

/* ---- registers ---- */

static fpga_result call_read(uint16_t op, uint64_t h, uint32_t region, uint64_t offset)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u32(w, region);
	wire_put_u64(w, offset);
	return rig_call(&r, op, h);
}

static void registers_are_read(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	atomic_store(&fake.cards[0].regs[2], UINT64_C(0x1122334455667788));
	atomic_store(&fake.cards[0].regs1[1], 5);
	assert_int_equal(rig_read(&r, h, 0, 16), UINT64_C(0x1122334455667788));
	assert_int_equal(rig_read(&r, h, 1, 8), 5);
	assert_int_equal(call_read(WIRE_READ32, h, 0, 20), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 0x11223344);
	assert_int_equal(call_read(WIRE_READ64, h, 0, FAKE_REGION), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "model: no such register");
	assert_int_equal(call_read(WIRE_READ64, h, 7, 0), FPGA_INVALID_PARAM);
	assert_int_equal(call_read(WIRE_READ32, h, 0, FAKE_FAILS), FPGA_EXCEPTION);
}

static fpga_result call_block(uint64_t h, uint64_t offset, uint32_t len)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u32(w, 0);
	wire_put_u64(w, offset);
	wire_put_u32(w, len);
	return rig_call(&r, WIRE_READ_BLOCK, h);
}

static void runs_of_registers_are_read(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), value;
	const void *bytes;
	size_t len;

	(void)state;
	atomic_store(&fake.cards[0].regs[3], 33);
	assert_int_equal(call_block(h, 8, 24), FPGA_OK);
	bytes = wire_get_bytes(&r.reply.in, &len);
	assert_int_equal(len, 24);
	memcpy(&value, (const char *)bytes + 16, 8);
	assert_int_equal(value, 33);
	assert_int_equal(call_block(h, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(call_block(h, 0, 12), FPGA_INVALID_PARAM);
	assert_int_equal(call_block(h, 0, WIRE_BULK + 8), FPGA_INVALID_PARAM);
	assert_int_equal(call_block(h, 0x1000 - 8, 16), FPGA_EXCEPTION);
	assert_int_equal(call_block(h, FAKE_REGION - 8, 16), FPGA_INVALID_PARAM);
}

static void a_line_is_written(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	unsigned char line[64];
	struct wire_writer *w;

	(void)state;
	memset(line, 0x5a, sizeof(line));
	for (uint32_t len = 63; len <= 65; len++) {
		w = rig_body(&r);
		wire_put_u32(w, 0);
		wire_put_u64(w, 0x80);
		wire_put_bytes(w, line, len < 65 ? len : 32);
		assert_int_equal(rig_call(&r, WIRE_WRITE512, h), len == 64 ? FPGA_OK : FPGA_INVALID_PARAM);
	}
	assert_int_equal(rig_read(&r, h, 0, 0xb8), UINT64_C(0x5a5a5a5a5a5a5a5a));
	w = rig_body(&r);
	wire_put_u32(w, 3);
	wire_put_u64(w, 0x80);
	wire_put_bytes(w, line, 64);
	assert_int_equal(rig_call(&r, WIRE_WRITE512, h), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "write to region 3, offset 0x80, value 0x5a5a5a5a5a5a5a5a: "
					 "model: no such register");
}

static void writes_of_one_frame_stand_for_themselves(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	rig_put_write(&r, 0, 8, 0x40, 1);
	rig_put_write(&r, 0, 8, FAKE_FAILS, 2);
	rig_put_write(&r, 0, 8, 0x48, 3);
	rig_put_write(&r, 9, 8, 0x48, 4);
	rig_put_write(&r, 0, 5, 0x50, 5);
	rig_put_write(&r, 0, 4, 0x50, UINT64_C(1) << 32);
	assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_EXCEPTION);
	assert_string_equal(r.reply.why,
			    "write to region 0, offset 0x1000, value 0x2: model: a register that fails");
	assert_int_equal(rig_read(&r, h, 0, 0x40), 1);
	assert_int_equal(rig_read(&r, h, 0, 0x48), 3);
	assert_int_equal(rig_read(&r, h, 0, 0x50), 0);
	rig_put_write(&r, 0, 16, 0x50, 5);
	assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "offset 0x50, value 0x5: a width of 16 bytes"));
}

/* ---- what is posted ---- */

static void a_posted_failure_is_told_to_the_next_call(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), other = rig_open(&r, fake_accelerator_id(1), 0);
	struct rig_frame f;

	(void)state;
	rig_put_write(&r, 0, 8, FAKE_FAILS, 2);
	rig_post(&r, WIRE_WRITE, h);
	rig_put_write(&r, 7, 8, 0, 3);
	rig_post(&r, WIRE_WRITE, h);
	rig_put_write(&r, 0, 8, 0x40, 4); /* what follows is posted all the same */
	rig_post(&r, WIRE_WRITE, h);
	rig_read(&r, other, 0, 0);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	assert_int_equal(r.num_pushes, 1); /* for the first, and not for what failed later */
	f = rig_await_push(&r, WIRE_FAILED);
	assert_int_equal(f.head.object, h);
	rig_frame_free(&f);
	rig_put_write(&r, 0, 8, 0x48, 5);
	assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_EXCEPTION);
	assert_string_equal(r.reply.why, "posted WRITE: write to region 0, offset 0x1000, value 0x2: "
					 "model: a register that fails");
	assert_int_equal(rig_read(&r, h, 0, 0x40), 4);
	assert_int_equal(rig_read(&r, h, 0, 0x48), 0); /* the call was not carried out */
}

static void a_posted_failure_does_not_keep_a_handle_open(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	rig_put_write(&r, 0, 8, FAKE_FAILS, 2);
	rig_post(&r, WIRE_WRITE, h);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	rig_put_write(&r, 0, 8, 0, 2);
	rig_post(&r, WIRE_WRITE, h); /* nobody is there to be told */
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

static void a_posted_frame_that_is_malformed_is_told(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	rig_put_write(&r, 0, 8, 0, 1);
	wire_put_u8(&r.out, 0);
	rig_post(&r, WIRE_WRITE, h);
	assert_int_equal(call_read(WIRE_READ64, h, 0, 0), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "posted WRITE: "));
	assert_int_equal(rig_read(&r, h, 0, 0), 0);
}

/* ---- polls ---- */

static void a_poll_ends_at_once_or_later(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	uint32_t id;

	(void)state;
	atomic_store(&fake.cards[0].regs[8], 0xf5);
	rig_put_poll(&r, 0x40, 0xf, 5, 0);
	assert_int_equal(rig_call(&r, WIRE_POLL, h), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 1);
	assert_int_equal(wire_get_u64(&r.reply.in), 0xf5);
	rig_put_poll(&r, 0x40, 0xf, 6, 20 * SECOND);
	id = rig_send(&r, WIRE_POLL, h);
	assert_int_equal(rig_read(&r, h, 0, 0x40), 0xf5); /* it holds up nothing */
	rig_put_write(&r, 0, 8, 0x40, 6);
	rig_post(&r, WIRE_WRITE, h);
	assert_int_equal(rig_await(&r, id), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 1);
	assert_int_equal(wire_get_u64(&r.reply.in), 6);
}

static void a_poll_gives_up(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	for (uint64_t timeout = 0; timeout < 3000; timeout += 1500) {
		rig_put_poll(&r, FAKE_COUNTS, UINT64_MAX, UINT64_MAX, timeout);
		assert_int_equal(rig_call(&r, WIRE_POLL, h), FPGA_OK);
		assert_int_equal(wire_get_u32(&r.reply.in), 0);
		assert_int_equal(wire_get_u64(&r.reply.in),
				 atomic_load(&fake.cards[0].regs[FAKE_COUNTS / 8]));
	}
	rig_put_poll(&r, 0, 1, 1, UINT64_MAX); /* the caller waits for less than the poll might take */
	rig_send_head(&r, (struct wire_head){ .op = WIRE_POLL, .id = 900, .object = h, .budget = 5 });
	assert_int_equal(rig_await(&r, 900), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 0);
	rig_put_poll(&r, FAKE_FAILS, 1, 1, SECOND);
	assert_int_equal(rig_call(&r, WIRE_POLL, h), FPGA_EXCEPTION);
	assert_string_equal(r.reply.why, "model: a register that fails");
}

/* It looks as often as it can, and still neither it nor what else goes on waits for the other. */
static void a_poll_without_pauses_holds_up_nothing(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	uint32_t ids[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct wire_writer *w = rig_body(&r);

		wire_put_u32(w, 0);
		wire_put_u64(w, 0x100 + 8 * i);
		wire_put_u64(w, 1);
		wire_put_u64(w, 1);
		wire_put_u64(w, 0);
		wire_put_u64(w, 20 * SECOND);
		ids[i] = rig_send(&r, WIRE_POLL, h);
	}
	for (unsigned int i = 2; i-- > 0;) {
		assert_int_equal(rig_read(&r, h, 0, 0x100), 0);
		rig_put_write(&r, 0, 8, 0x100 + 8 * i, 1);
		rig_post(&r, WIRE_WRITE, h);
		assert_int_equal(rig_await(&r, ids[i]), FPGA_OK);
		assert_int_equal(wire_get_u32(&r.reply.in), 1);
	}
}

static void many_polls_go_on_at_once(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	uint32_t ids[40];

	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		rig_put_poll(&r, 0x100 + 8 * i, 1, 1, 20 * SECOND);
		ids[i] = rig_send(&r, WIRE_POLL, h);
	}
	for (unsigned int i = 40; i-- > 0;) {
		rig_put_write(&r, 0, 8, 0x100 + 8 * i, 1 + 2 * i);
		assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_OK);
		assert_int_equal(rig_await(&r, ids[i]), FPGA_OK);
		assert_int_equal(wire_get_u32(&r.reply.in), 1);
		assert_int_equal(wire_get_u64(&r.reply.in), 1 + 2 * i);
	}
}

static void close_cancels_polls(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), other = rig_open(&r, fake_accelerator_id(1), 0);
	uint32_t ids[3], close;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		rig_put_poll(&r, 0x100, 1, 1, 20 * SECOND);
		ids[i] = rig_send(&r, WIRE_POLL, i ? h : other);
	}
	close = rig_send(&r, WIRE_CLOSE, h);
	for (unsigned int i = 1; i < 3; i++) {
		assert_int_equal(rig_await(&r, ids[i]), FPGA_INVALID_PARAM);
		assert_string_equal(r.reply.why, "POLL: the handle was closed meanwhile");
	}
	assert_int_equal(rig_await(&r, close), FPGA_OK);
	rig_put_write(&r, 0, 8, 0x100, 1);
	rig_post(&r, WIRE_WRITE, other);
	assert_int_equal(rig_await(&r, ids[0]), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(all_is_listed),
		RIGGED(a_filter_is_handed_on),
		RIGGED(filters_are_bounded),
		RIGGED(a_long_listing_comes_in_several_frames),
		RIGGED(an_enumeration_that_fails_says_why),
		RIGGED(properties_come_with_why_some_are_not_set),
		RIGGED(an_unknown_object_is_looked_for_once),
		RIGGED(unknown_objects_share_a_look),
		RIGGED(open_tells_what_was_opened),
		RIGGED(open_fails_as_the_table_does),
		RIGGED(a_handle_is_used_and_closed),
		RIGGED(what_cannot_be_quiesced_is_reset),
		RIGGED(a_shared_device_goes_on_when_one_closes),
		RIGGED(a_device_is_reset_and_quiesced),
		RIGGED(registers_are_read),
		RIGGED(runs_of_registers_are_read),
		RIGGED(a_line_is_written),
		RIGGED(writes_of_one_frame_stand_for_themselves),
		RIGGED(a_posted_failure_is_told_to_the_next_call),
		RIGGED(a_posted_failure_does_not_keep_a_handle_open),
		RIGGED(a_posted_frame_that_is_malformed_is_told),
		RIGGED(a_poll_ends_at_once_or_later),
		RIGGED(a_poll_gives_up),
		RIGGED(a_poll_without_pauses_holds_up_nothing),
		RIGGED(many_polls_go_on_at_once),
		RIGGED(close_cancels_polls),
	};

	return RUN(tests);
}
