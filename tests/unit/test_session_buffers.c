/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers and events of a session, for peers that say what no client of ours would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/server/buffers.h"
#include "tests/unit/check.h"
#include "tests/unit/session-rig.h"

static struct rig r;
static uint64_t h, wsid, io;

static int up_with(uint64_t max_watched, uint32_t max_events)
{
	fake_up();
	rig_new(&r);
	r.options.max_pinned = 6 * FAKE_PAGE;
	r.options.max_watched = max_watched;
	r.options.max_events = max_events;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, fake_accelerator_id(0), 0);
	return 0;
}

static int up(void **state)
{
	(void)state;
	return up_with(0, 0);
}

static int up_little(void **state)
{
	(void)state;
	return up_with(2 * FAKE_PAGE, 2);
}

static int down(void **state)
{
	(void)state;
	rig_end(&r);
	fake_down();
	return 0;
}

static fpga_result prepare(uint64_t len, uint32_t flags)
{
	struct wire_writer *w = rig_body(&r);
	fpga_result res;

	wire_put_u64(w, len);
	wire_put_u32(w, flags);
	res = rig_call(&r, WIRE_PREPARE, h);
	if (res == FPGA_OK) {
		wsid = wire_get_u64(&r.reply.in);
		io = wire_get_u64(&r.reply.in);
	}
	return res;
}

static void put_part(uint64_t id, uint64_t offset)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u64(w, id);
	wire_put_u64(w, offset);
}

static fpga_result push(uint64_t id, uint64_t offset, const void *data, size_t len)
{
	put_part(id, offset);
	wire_put_bytes(&r.out, data, len);
	return rig_call(&r, WIRE_PUSH, h);
}

static void post_push(uint64_t id, uint64_t offset, const void *data, size_t len)
{
	put_part(id, offset);
	wire_put_bytes(&r.out, data, len);
	rig_post(&r, WIRE_PUSH, h);
}

static fpga_result pull(uint64_t id, uint64_t offset, uint32_t len)
{
	put_part(id, offset);
	wire_put_u32(&r.out, len);
	return rig_call(&r, WIRE_PULL, h);
}

static fpga_result release(uint64_t id)
{
	wire_put_u64(rig_body(&r), id);
	return rig_call(&r, WIRE_RELEASE, h);
}

static fpga_result pin(uint16_t op, uint64_t child, uint64_t owner, uint64_t id, uint64_t address)
{
	put_part(owner, id);
	wire_put_u64(&r.out, address);
	return rig_call(&r, op, child);
}

static void limits_and_flags(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(prepare(0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(prepare(FAKE_PAGE, 4), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "PREPARE: unknown flags 0x4");
	assert_int_equal(prepare(UINT64_MAX, 0), FPGA_NO_MEMORY);
	assert_int_equal(prepare(3 * FAKE_PAGE + 1, 0), FPGA_NO_MEMORY);
	assert_int_equal(prepare(3 * FAKE_PAGE, 0), FPGA_OK);
	first = wsid;
	assert_int_equal(prepare(1, 0), FPGA_NO_MEMORY);
	assert_int_equal(release(first), FPGA_OK);
	assert_int_equal(release(first), FPGA_INVALID_PARAM);
	assert_int_equal(release(0), FPGA_INVALID_PARAM);
	assert_int_equal(prepare(6 * FAKE_PAGE + 1, 2), FPGA_NO_MEMORY);
	assert_int_equal(prepare(5 * FAKE_PAGE + 1, 2), FPGA_OK); /* explicit: without a twin */
	assert_int_equal(prepare(1, 2), FPGA_NO_MEMORY);
	assert_int_equal(release(wsid), FPGA_OK);
	assert_int_equal(prepare(1, 0), FPGA_OK);
	assert_true(buffers_pinned(r.session) == 2 * FAKE_PAGE);
	assert_int_not_equal(wsid, first);
	assert_int_equal(rig_call(&r, WIRE_PREPARE, h), FPGA_INVALID_PARAM); /* without a body */
	assert_int_equal(rig_call(&r, WIRE_RELEASE, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_PULL, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_PUSH, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_PIN, h), FPGA_INVALID_PARAM);
}

/* What is kept equal at both ends has a limit of its own; what is not has none but that of memory. */
static void a_limit_of_what_is_watched(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(prepare(2 * FAKE_PAGE + 1, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(r.reply.why, "kept equal"));
	assert_int_equal(buffers_pinned(r.session), 0);
	assert_int_equal(prepare(FAKE_PAGE + 1, 0), FPGA_OK);
	first = wsid;
	assert_int_equal(prepare(1, 0), FPGA_NO_MEMORY);
	assert_int_equal(prepare(2 * FAKE_PAGE, 2), FPGA_OK); /* explicit */
	assert_int_equal(release(first), FPGA_OK);
	assert_int_equal(prepare(2 * FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	h = rig_open(&r, fake_accelerator_id(0), 0);
	assert_int_equal(prepare(2 * FAKE_PAGE, 0), FPGA_OK);
}

static void parts_that_are_not(void **state)
{
	static unsigned char data[WIRE_BULK];

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(push(wsid, FAKE_PAGE - 1, data, 1), FPGA_OK);
	assert_int_equal(push(wsid, FAKE_PAGE, data, 1), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "1 bytes at 4096 are not inside the buffer's 4096");
	assert_int_equal(push(wsid, UINT64_MAX, data, 2), FPGA_INVALID_PARAM);
	assert_int_equal(push(wsid, 0, data, WIRE_BULK), FPGA_INVALID_PARAM);
	assert_int_equal(push(wsid + 1, 0, data, 4096), FPGA_NOT_FOUND);
	assert_int_equal(pull(wsid, 1, FAKE_PAGE), FPGA_INVALID_PARAM);
	assert_int_equal(pull(wsid, UINT64_MAX, 1), FPGA_INVALID_PARAM);
	assert_int_equal(pull(0, 0, 1), FPGA_NOT_FOUND);
	assert_int_equal(pull(wsid, FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(release(wsid), FPGA_OK);
	assert_int_equal(pull(wsid, 0, 1), FPGA_NOT_FOUND);
	assert_int_equal(push(wsid, 0, data, 4096), FPGA_NOT_FOUND);
}

/* Told by the next call, which is not carried out; then all is well again. */
static void a_posted_push_that_fails(void **state)
{
	unsigned char data[64] = { 1 }, got = 0;

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	post_push(wsid, FAKE_PAGE - 63, data, 64);
	post_push(wsid, 0, data, 64);
	assert_int_equal(release(wsid), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "posted PUSH: 64 bytes at 4033 are not inside the buffer's 4096");
	assert_true(fake_dma_read(io, &got, 1));
	assert_int_equal(got, 1);
	assert_int_equal(release(wsid), FPGA_OK);
}

/* Bytes that the device changed, and nobody has heard of, stay where the client did not change them. */
static void a_posted_push_keeps_what_the_device_did(void **state)
{
	unsigned char mine[64], device = 9, got[64];
	struct rig_frame f;
	size_t len;

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	memset(mine, 0, sizeof(mine));
	mine[3] = 3;
	assert_true(fake_dma_write(io + 5, &device, 1));
	post_push(wsid, 0, mine, sizeof(mine));
	rig_read(&r, h, 0, 0);
	assert_true(fake_dma_read(io, got, sizeof(got)));
	assert_int_equal(got[3], 3);
	assert_int_equal(got[5], 9);
	f = rig_await_push(&r, WIRE_DATA);
	assert_int_equal(wire_get_u64(&f.in), wsid);
	assert_int_equal(wire_get_u64(&f.in), 5);
	wire_get_bytes(&f.in, &len);
	assert_int_equal(len, 1); /* a byte, and no more */
	rig_frame_free(&f);
	/* What is pushed with a reply is the whole truth. */
	assert_int_equal(push(wsid, 0, mine, sizeof(mine)), FPGA_OK);
	assert_true(fake_dma_read(io, got, sizeof(got)));
	assert_memory_equal(got, mine, sizeof(mine));
}

/* A status line that is found whole: its flag, which the program polls, comes behind what it stands for. */
static void the_shortest_comes_last(void **state)
{
	static const struct { uint64_t at; size_t len; } wanted[] = { { 16, 8 }, { 40, 1 }, { 0, 1 } };
	unsigned char device[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	for (size_t i = 0; i < 3; i++)
		assert_true(fake_dma_write(io + wanted[i].at, device, wanted[i].len));
	rig_read(&r, h, 0, 0);
	for (size_t i = 0; i < 3; i++) {
		struct rig_frame f = rig_await_push(&r, WIRE_DATA);
		size_t len;

		assert_int_equal(wire_get_u64(&f.in), wsid);
		assert_int_equal(wire_get_u64(&f.in), wanted[i].at);
		wire_get_bytes(&f.in, &len);
		assert_int_equal(len, wanted[i].len);
		rig_frame_free(&f);
	}
}

/* Large enough to be received in place, also by a buffer of the client's that only the device reads. */
static void bytes_in_place(void **state)
{
	static unsigned char data[FAKE_PAGE], got[FAKE_PAGE];

	(void)state;
	for (uint32_t flags = 0; flags < 4; flags++) {
		assert_int_equal(prepare(FAKE_PAGE, flags), FPGA_OK);
		memset(data, (int)flags + 1, sizeof(data));
		assert_int_equal(push(wsid, 0, data, sizeof(data)), FPGA_OK);
		assert_true(fake_dma_read(io, got, sizeof(got)));
		assert_memory_equal(got, data, sizeof(data));
		memset(data, (int)flags + 11, sizeof(data));
		post_push(wsid, 0, data, sizeof(data));
		assert_int_equal(pull(wsid, 0, FAKE_PAGE), FPGA_OK);
		assert_int_equal(r.reply.len, 4 + FAKE_PAGE);
		assert_memory_equal(r.reply.body + 4, data, FAKE_PAGE);
		assert_int_equal(release(wsid), FPGA_OK);
	}
	assert_int_equal(r.num_pushes, 0); /* nothing of it was the device's doing */
}

static void pins(void **state)
{
	uint64_t child = rig_open(&r, fake_accelerator_id(1), 0), other;

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(pin(WIRE_PIN, h, h, wsid, io), FPGA_INVALID_PARAM);
	assert_int_equal(pin(WIRE_PIN, child, 77, wsid, io), FPGA_INVALID_PARAM);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid + 1, io), FPGA_NOT_FOUND);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io + 8), FPGA_INVALID_PARAM);
	assert_int_equal(pin(WIRE_UNPIN, child, h, wsid, io), FPGA_INVALID_PARAM);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io), FPGA_OK);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io), FPGA_INVALID_PARAM); /* once is enough */
	assert_int_equal(release(wsid), FPGA_BUSY);
	assert_int_equal(pin(WIRE_UNPIN, child, h, wsid, io), FPGA_OK);
	assert_int_equal(pin(WIRE_UNPIN, child, h, wsid, io), FPGA_INVALID_PARAM);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io), FPGA_OK);
	/* The owner goes first: the child lives on, and looks at nothing that was his. */
	other = h;
	h = child;
	assert_int_equal(pin(WIRE_UNPIN, child, other, wsid, io), FPGA_OK);
	assert_int_equal(pin(WIRE_PIN, child, other, wsid, io), FPGA_OK);
	assert_int_equal(pin(WIRE_UNPIN, child, other, wsid, io), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, other), FPGA_OK);
	rig_read(&r, child, 0, 0);
	rig_put_write(&r, 0, 8, 0x2000, 1);
	assert_int_equal(rig_call(&r, WIRE_WRITE, child), FPGA_OK);
}

static fpga_result event(uint16_t op, uint32_t type, uint32_t flags, uint64_t number)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u32(w, type);
	if (op == WIRE_EVENT_REGISTER)
		wire_put_u32(w, flags);
	wire_put_u64(w, number);
	return rig_call(&r, op, h);
}

static void event_numbers(void **state)
{
	struct rig_frame f;

	(void)state;
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_INTERRUPT, 0, 5), FPGA_OK);
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_ERROR, 0, 5), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "the event number 5 is in use");
	assert_int_equal(event(WIRE_EVENT_UNREGISTER, FPGA_EVENT_ERROR, 0, 5), FPGA_INVALID_PARAM);
	assert_int_equal(event(WIRE_EVENT_UNREGISTER, FPGA_EVENT_INTERRUPT, 0, 6), FPGA_INVALID_PARAM);
	fake_fire(0, FPGA_EVENT_INTERRUPT, 3);
	f = rig_await_push(&r, WIRE_EVENT);
	assert_int_equal(f.head.object, h);
	assert_int_equal(wire_get_u64(&f.in), 5);
	assert_int_equal(wire_get_u64(&f.in), 3);
	rig_frame_free(&f);
	assert_int_equal(event(WIRE_EVENT_UNREGISTER, FPGA_EVENT_INTERRUPT, 0, 5), FPGA_OK);
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_ERROR, 0, 5), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_EVENT_REGISTER, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_EVENT_UNREGISTER, h), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_int_equal(atomic_load(&fake.events), 0);
}

/* The child's device loses what its owner takes with it, and the child may have buffers of another one. */
static void an_owner_that_closes(void **state)
{
	uint64_t child = rig_open(&r, fake_accelerator_id(1), 0), owner = h;
	unsigned char byte;

	(void)state;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io), FPGA_OK);
	assert_int_equal(atomic_load(&fake.buffers), 2);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, owner), FPGA_OK);
	assert_int_equal(atomic_load(&fake.buffers), 0);
	assert_false(fake_dma_read(io, &byte, 1));
	h = rig_open(&r, fake_accelerator_id(0), 0);
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(pin(WIRE_PIN, child, h, wsid, io), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, child), FPGA_OK);
	assert_int_equal(release(wsid), FPGA_OK); /* pinned nowhere any more */
}

/* A shared device goes on for its other handles; after the last one nobody could stop it. */
static void the_last_shared_handle_stops_the_device(void **state)
{
	uint64_t other;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	fake.log[0] = '\0';
	h = rig_open(&r, fake_accelerator_id(0), FPGA_OPEN_SHARED);
	other = rig_open(&r, fake_accelerator_id(0), FPGA_OPEN_SHARED);
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	h = other;
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_string_equal(fake.log, "open open release close quiesce release close ");
}

static void a_limit_of_events(void **state)
{
	(void)state;
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_INTERRUPT, 0, 1), FPGA_OK);
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_ERROR, 0, 2), FPGA_OK);
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_ERROR, 0, 3), FPGA_NO_MEMORY);
	assert_non_null(strstr(r.reply.why, "2 events"));
	assert_int_equal(event(WIRE_EVENT_UNREGISTER, FPGA_EVENT_ERROR, 0, 2), FPGA_OK);
	assert_int_equal(event(WIRE_EVENT_REGISTER, FPGA_EVENT_ERROR, 0, 3), FPGA_OK);
}

/* Whoever just goes leaves zeros, after his device was quieted. */
static void memory_is_cleaned_when_the_peer_goes(void **state)
{
	unsigned char data[64];

	(void)state;
	memset(data, 0xab, sizeof(data));
	assert_int_equal(prepare(FAKE_PAGE, 0), FPGA_OK);
	assert_int_equal(push(wsid, 0, data, sizeof(data)), FPGA_OK);
	rpc_link_break(&r.link, -ECANCELED);
	rig_await_end(&r);
	rpc_session_free(r.session);
	r.session = NULL;
	assert_string_equal(fake.log, "open quiesce release close ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(limits_and_flags), RIGGED(the_shortest_comes_last),
		RIGGED(parts_that_are_not),
		RIGGED(a_posted_push_that_fails),
		RIGGED(a_posted_push_keeps_what_the_device_did),
		RIGGED(bytes_in_place),
		RIGGED(pins),
		RIGGED(event_numbers),
		RIGGED(an_owner_that_closes),
		RIGGED(the_last_shared_handle_stops_the_device),
		RIGGED(memory_is_cleaned_when_the_peer_goes),
		cmocka_unit_test_setup_teardown(a_limit_of_what_is_watched, up_little, down),
		cmocka_unit_test_setup_teardown(a_limit_of_events, up_little, down),
	};

	return RUN(tests);
}
