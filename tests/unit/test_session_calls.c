/* SPDX-License-Identifier: BSD-3-Clause */
/* The plain calls of a session, by frames that a client of ours would not send. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/session-rig.h"

#define ALL_FLAGS 0x7fffffffu

static struct rig rig;
static uint64_t device, handle;

static int up(void **state)
{
	(void)state;
	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	rig_new(&rig);
	rig_start(&rig);
	rig_hello(&rig);
	device = fake_device_id(0);
	handle = rig_open(&rig, device, 0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_end(&rig);
	assert_int_equal(atomic_load(&fake_manage.objects), 0);
	fake_manage_reset();
	fake_down();
	return 0;
}

#define assert_why(text)                                                                           \
	do {                                                                                       \
		if (!strstr(rig.reply.why, text))                                                  \
			fail_msg("the reason is \"%s\"", rig.reply.why);                           \
	} while (0)

static fpga_result get_object(uint16_t op, uint64_t in, const char *name, uint32_t flags)
{
	wire_put_text(rig_body(&rig), name);
	wire_put_u32(&rig.out, flags);
	return rig_call(&rig, op, in);
}

static uint64_t object(uint16_t op, uint64_t in, const char *name, uint32_t flags)
{
	assert_int_equal(get_object(op, in, name, flags), FPGA_OK);
	return wire_get_u64(&rig.reply.in);
}

/* ---- bodies ---- */

enum on { TOKEN, HANDLE, OBJECT };

/* Each of these messages with nothing, and with all but the last byte of its body. */
static void short_bodies_are_refused(void **state)
{
	static const struct {
		uint16_t op;
		enum on on;
		size_t len;
	} t[] = {
		{ WIRE_ERROR_READ, TOKEN, 4 },	    { WIRE_ERROR_CLEAR, TOKEN, 4 },
		{ WIRE_ERROR_INFO, TOKEN, 4 },	    { WIRE_TOKEN_OBJECT, TOKEN, 7 },
		{ WIRE_HANDLE_OBJECT, HANDLE, 7 },  { WIRE_ASSIGN_PORT, HANDLE, 12 },
		{ WIRE_ASSIGN, HANDLE, 16 },	    { WIRE_UNASSIGN, HANDLE, 8 },
		{ WIRE_RECONF_BEGIN, HANDLE, 16 },  { WIRE_RECONF_DATA, HANDLE, 12 },
		{ WIRE_CLOCK_SET, HANDLE, 20 },	    { WIRE_CLOCK_GET, HANDLE, 4 },
		{ WIRE_OBJECT_OBJECT, OBJECT, 7 },  { WIRE_OBJECT_AT, OBJECT, 8 },
		{ WIRE_OBJECT_SIZE, OBJECT, 4 },    { WIRE_OBJECT_READ, OBJECT, 16 },
		{ WIRE_OBJECT_READ64, OBJECT, 4 },  { WIRE_OBJECT_WRITE64, OBJECT, 12 },
	};
	const uint64_t ids[] = { device, handle, object(WIRE_HANDLE_OBJECT, handle, "box", 0) };
	static const unsigned char body[32] = { 1, 0, 'x' };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (int empty = 0; empty < 2; empty++) {
			memcpy(rig_body(&rig)->at, body, sizeof(body));
			rig.out.len = empty ? 0 : t[i].len - 1;
			assert_int_equal(rig_call(&rig, t[i].op, ids[t[i].on]), FPGA_INVALID_PARAM);
			assert_why("cut short");
		}
	assert_int_equal(atomic_load(&fake_manage.objects), 1);
	assert_int_equal(fake_manage.num, 42);
}

static void half_a_number_is_refused(void **state)
{
	(void)state;
	wire_put_u64(rig_body(&rig), 1);
	rig.out.len--;
	assert_int_equal(rig_call(&rig, WIRE_METRIC_READ, handle), FPGA_INVALID_PARAM);
	assert_why("cut short");
}

static void names_with_a_nul_are_refused(void **state)
{
	static const unsigned char body[] = { 3, 0, 'n', 0, 'm', 0, 0, 0, 0 };

	(void)state;
	memcpy(rig_body(&rig)->at, body, sizeof(body));
	rig.out.len = sizeof(body);
	assert_int_equal(rig_call(&rig, WIRE_TOKEN_OBJECT, device), FPGA_INVALID_PARAM);
	memcpy(rig_body(&rig)->at, body, 5);
	rig.out.len = 5;
	assert_int_equal(rig_call(&rig, WIRE_METRIC_READ_NAMED, handle), FPGA_INVALID_PARAM);
}

/* ---- objects ---- */

static fpga_result read_object(uint64_t id, uint64_t offset, uint32_t len)
{
	wire_put_u64(rig_body(&rig), offset);
	wire_put_u32(&rig.out, len);
	wire_put_u32(&rig.out, 0);
	return rig_call(&rig, WIRE_OBJECT_READ, id);
}

static void ids_of_objects_do_not_come_back(void **state)
{
	uint64_t first = object(WIRE_TOKEN_OBJECT, device, "long", 0), second;

	(void)state;
	assert_int_equal(rig_call(&rig, WIRE_OBJECT_DESTROY, first), FPGA_OK);
	assert_int_equal(rig_call(&rig, WIRE_OBJECT_DESTROY, first), FPGA_INVALID_PARAM);
	second = object(WIRE_TOKEN_OBJECT, device, "long", 0);
	assert_true(first != second);
	assert_int_equal(read_object(first, 0, 1), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(second, 0, 1), FPGA_OK);
	assert_int_equal(read_object(second + 1, 0, 1), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(second + (UINT64_C(1) << 32), 0, 1), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(0, 0, 1), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(UINT64_MAX, 0, 1), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(handle, 0, 1), FPGA_INVALID_PARAM);
}

static void long_reads_of_objects_are_bounded(void **state)
{
	uint64_t id = object(WIRE_HANDLE_OBJECT, handle, "long", 0);

	(void)state;
	assert_int_equal(read_object(id, 0, WIRE_BULK), FPGA_OK);
	assert_int_equal(rig.reply.len, 4 + WIRE_BULK);
	assert_int_equal(read_object(id, 0, WIRE_BULK + 1), FPGA_INVALID_PARAM);
	assert_why("65537");
	assert_int_equal(read_object(id, 0, UINT32_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(read_object(id, UINT64_MAX, WIRE_BULK), FPGA_INVALID_PARAM);
	assert_why("there are 150000");
}

static void closing_a_handle_ends_its_objects(void **state)
{
	uint64_t of_handle = object(WIRE_HANDLE_OBJECT, handle, "box", FPGA_OBJECT_RECURSE_ONE);
	uint64_t of_token = object(WIRE_TOKEN_OBJECT, device, "num", 0), below;

	(void)state;
	below = object(WIRE_OBJECT_OBJECT, of_handle, "b", ALL_FLAGS);
	assert_int_equal(rig_call(&rig, WIRE_OBJECT_DESTROY, of_handle), FPGA_OK);
	assert_int_equal(atomic_load(&fake_manage.objects), 2);
	assert_int_equal(rig_call(&rig, WIRE_CLOSE, handle), FPGA_OK);
	assert_int_equal(atomic_load(&fake_manage.objects), 1);
	wire_put_u32(rig_body(&rig), 0);
	assert_int_equal(rig_call(&rig, WIRE_OBJECT_READ64, below), FPGA_INVALID_PARAM);
	wire_put_u32(rig_body(&rig), 0);
	assert_int_equal(rig_call(&rig, WIRE_OBJECT_READ64, of_token), FPGA_OK);
	assert_int_equal(wire_get_u64(&rig.reply.in), 42);
}

/* ---- a peer of small frames ---- */

static void hello_small(void)
{
	struct wire_writer *w;

	rig_end(&rig);
	rig_new(&rig);
	rig_start(&rig);
	w = rig_body(&rig);
	wire_put_u32(w, WIRE_MAGIC);
	wire_put_u16(w, WIRE_VERSION);
	wire_put_u16(w, WIRE_VERSION);
	wire_put_u64(w, 0);
	wire_put_u32(w, WIRE_FRAME_MIN);
	wire_put_u32(w, 4);
	wire_put_text(w, "a small one");
	assert_int_equal(rig_call(&rig, WIRE_HELLO, 0), FPGA_OK);
	handle = rig_open(&rig, device, 0);
}

static void small_frames_are_kept_to(void **state)
{
	uint32_t id, frames = 1;
	uint64_t long_one;

	(void)state;
	hello_small();
	long_one = object(WIRE_HANDLE_OBJECT, handle, "long", 0);
	assert_int_equal(read_object(long_one, 0, WIRE_FRAME_MIN), FPGA_INVALID_PARAM);
	assert_why("the client's frames");
	assert_int_equal(read_object(long_one, 0, WIRE_FRAME_MIN - WIRE_HEAD - 4), FPGA_OK);
	fake_manage.num_metrics = 1000;
	id = rig_send(&rig, WIRE_METRIC_INFO, handle);
	for (; rig_await(&rig, id) == FPGA_OK && rig.reply.head.flags & WIRE_MORE; frames++)
		assert_true(rig.reply.head.size <= WIRE_FRAME_MIN);
	assert_true(frames > 3);
	assert_true(rig.reply.head.size <= WIRE_FRAME_MIN);
}

/* ---- bitstreams ---- */

static fpga_result announce(uint64_t h, uint64_t len)
{
	wire_put_u32(rig_body(&rig), 3);
	wire_put_u64(&rig.out, len);
	wire_put_u32(&rig.out, FPGA_RECONF_FORCE);
	return rig_call(&rig, WIRE_RECONF_BEGIN, h);
}

static void put_piece(uint64_t offset, size_t len)
{
	void *at;

	wire_put_u64(rig_body(&rig), offset);
	at = wire_put_bytes_room(&rig.out, len);
	memset(at, 0x5a, len);
}

static void piece(uint64_t h, uint64_t offset, size_t len)
{
	put_piece(offset, len);
	rig_post(&rig, WIRE_RECONF_DATA, h);
}

static void a_stream_is_loaded_once(void **state)
{
	(void)state;
	assert_int_equal(announce(handle, 5), FPGA_OK);
	piece(handle, 0, 2);
	piece(handle, 2, 0);
	put_piece(2, 3);
	assert_int_equal(rig_call(&rig, WIRE_RECONF_DATA, handle), FPGA_OK); /* with a reply, too */
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_OK);
	assert_int_equal(fake_manage.slot, 3);
	assert_int_equal(fake_manage.flags, FPGA_RECONF_FORCE);
	assert_int_equal(fake_manage.bitstream_len, 5);
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_INVALID_PARAM);
	assert_why("none was announced");
	assert_int_equal(atomic_load(&fake_manage.loads), 1);
}

/* Which piece was wrong is told by the next call, and nothing is loaded. */
static void pieces_that_do_not_fit_are_told(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len;
	} t[] = { { 1, 1 }, { 0, 6 }, { UINT64_MAX, 1 }, { UINT64_MAX - 1, 4 }, { 5, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(announce(handle, 5), FPGA_OK);
		piece(handle, t[i].offset, t[i].len);
		piece(handle, 0, 5);
		assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_INVALID_PARAM);
		assert_why("a piece of a bitstream");
		assert_why("0 of 5 have come");
		assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_INVALID_PARAM);
		assert_why("none was announced");
	}
	piece(handle, 0, 1);
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_INVALID_PARAM);
	assert_why("not announced");
	assert_int_equal(atomic_load(&fake_manage.loads), 0);
}

static void half_a_stream_is_not_loaded(void **state)
{
	(void)state;
	assert_int_equal(announce(handle, 100000), FPGA_OK);
	piece(handle, 0, 50000);
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_INVALID_PARAM);
	assert_why("only 50000 of the bitstream's 100000");
	assert_int_equal(announce(handle, 100000), FPGA_OK);
	piece(handle, 0, 50000);
	assert_int_equal(announce(handle, 4), FPGA_OK); /* begun anew */
	piece(handle, 0, 4);
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, handle), FPGA_OK);
	assert_int_equal(atomic_load(&fake_manage.loads), 1);
	assert_int_equal(fake_manage.bitstream_len, 4);
	assert_int_equal(announce(handle, 100000), FPGA_OK);
	piece(handle, 0, 50000); /* and the peer goes: down() sees that it is freed */
}

static void a_client_announces_no_more_than_the_limit(void **state)
{
	uint64_t other = rig_open(&rig, fake_device_id(1), 0);

	(void)state;
	assert_int_equal(announce(handle, (uint64_t)WIRE_BITSTREAM_MAX + 1), FPGA_INVALID_PARAM);
	assert_why("at most 268435456");
	assert_int_equal(announce(handle, UINT64_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(announce(handle, WIRE_BITSTREAM_MAX), FPGA_OK);
	assert_int_equal(announce(other, 1), FPGA_BUSY);
	assert_int_equal(announce(handle, WIRE_BITSTREAM_MAX - 10), FPGA_OK); /* in place of the former */
	assert_int_equal(announce(other, 10), FPGA_OK);
	assert_int_equal(announce(other, 11), FPGA_BUSY);
	assert_int_equal(rig_call(&rig, WIRE_CLOSE, handle), FPGA_OK);
	assert_int_equal(announce(other, WIRE_BITSTREAM_MAX), FPGA_OK);
	piece(other, 1, 1); /* refused, and so forgotten */
	assert_int_equal(rig_call(&rig, WIRE_RECONF_RUN, other), FPGA_INVALID_PARAM);
	assert_int_equal(announce(other, WIRE_BITSTREAM_MAX), FPGA_OK);
}

static void progress_is_told(void **state)
{
	const uint64_t len = 3u << 20;
	struct rig_frame f;
	uint32_t id;

	(void)state;
	assert_int_equal(announce(handle, len), FPGA_OK);
	for (uint64_t at = 0; at < len; at += WIRE_BULK)
		piece(handle, at, WIRE_BULK);
	for (uint64_t mib = 1; mib <= 3; mib++) {
		f = rig_await_push(&rig, WIRE_PROGRESS);
		assert_true(f.head.object == handle);
		assert_int_equal(f.head.id, 0);
		assert_int_equal(wire_get_u64(&f.in), mib << 20);
		assert_int_equal(wire_get_u64(&f.in), len);
		rig_frame_free(&f);
	}
	atomic_store(&fake_manage.hold, true);
	id = rig_send(&rig, WIRE_RECONF_RUN, handle);
	for (int i = 0; i < 3; i++) { /* signs of life while the device is at it */
		f = rig_await_push(&rig, WIRE_PROGRESS);
		assert_int_equal(wire_get_u64(&f.in), len);
		rig_frame_free(&f);
	}
	atomic_store(&fake_manage.hold, false);
	assert_int_equal(rig_await(&rig, id), FPGA_OK);
}

/* What comes for the handle while it loads waits, and then is served in order. */
static void the_handle_is_held_up_while_it_loads(void **state)
{
	uint32_t run, again, close;

	(void)state;
	assert_int_equal(announce(handle, 2), FPGA_OK);
	piece(handle, 0, 2);
	atomic_store(&fake_manage.hold, true);
	run = rig_send(&rig, WIRE_RECONF_RUN, handle);
	wire_put_u32(rig_body(&rig), 1);
	wire_put_u64(&rig.out, 1);
	wire_put_u32(&rig.out, 0);
	again = rig_send(&rig, WIRE_RECONF_BEGIN, handle);
	piece(handle, 0, 1);
	close = rig_send(&rig, WIRE_CLOSE, handle);
	assert_int_equal(rig_call(&rig, WIRE_PING, 0), FPGA_OK);
	atomic_store(&fake_manage.hold, false);
	assert_int_equal(rig_await(&rig, run), FPGA_OK);
	assert_int_equal(rig_await(&rig, again), FPGA_OK);
	assert_int_equal(rig_await(&rig, close), FPGA_OK);
	assert_int_equal(fake_manage.bitstream_len, 2);
}

/* ---- accelerators ---- */

static void unknown_accelerators_are_not_found(void **state)
{
	(void)state;
	wire_put_u64(rig_body(&rig), 0xdead);
	wire_put_u32(&rig.out, 0);
	wire_put_u32(&rig.out, 0);
	assert_int_equal(rig_call(&rig, WIRE_ASSIGN, handle), FPGA_NOT_FOUND);
	assert_why("0xdead");
	wire_put_u64(rig_body(&rig), 0);
	assert_int_equal(rig_call(&rig, WIRE_UNASSIGN, handle), FPGA_NOT_FOUND);
	wire_put_u64(rig_body(&rig), fake_accelerator_id(1));
	assert_int_equal(rig_call(&rig, WIRE_UNASSIGN, handle), FPGA_OK);
	assert_int_equal(fake_manage.released, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(short_bodies_are_refused),
		RIGGED(half_a_number_is_refused),
		RIGGED(names_with_a_nul_are_refused),
		RIGGED(ids_of_objects_do_not_come_back),
		RIGGED(long_reads_of_objects_are_bounded),
		RIGGED(closing_a_handle_ends_its_objects),
		RIGGED(small_frames_are_kept_to),
		RIGGED(a_stream_is_loaded_once),
		RIGGED(pieces_that_do_not_fit_are_told),
		RIGGED(half_a_stream_is_not_loaded),
		RIGGED(a_client_announces_no_more_than_the_limit),
		RIGGED(progress_is_told),
		RIGGED(the_handle_is_held_up_while_it_loads),
		RIGGED(unknown_accelerators_are_not_found),
	};

	return RUN(tests);
}
