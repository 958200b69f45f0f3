/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session refuses: peers that break the protocol, bodies that are cut, rights and limits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/session-rig.h"

#define ACCELERATOR fake_accelerator_id(0)
#define SECOND UINT64_C(1000000) /* of microseconds */

static struct rig r;
static int ends_with; /* what rpc_session_run() shall have returned */
static atomic_uint rights, rights_here;

static int up(void **state)
{
	(void)state;
	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	rig_new(&r);
	rights = WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE;
	ends_with = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	assert_int_equal(rig_end(&r), ends_with);
	fake_manage_reset();
	fake_down();
	return 0;
}

static uint32_t give_rights(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	/* devices are there for everyone */
	return props->objtype == FPGA_DEVICE ? WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE : rights;
}

static uint32_t give_rights_here(void *ctx)
{
	(void)ctx;
	return rights_here;
}

/* ---- HELLO ---- */

struct hello {
	uint32_t magic, max_frame, calls;
	uint16_t lowest, highest;
};

static const struct hello good = { WIRE_MAGIC, WIRE_FRAME_MAX, 1000, 0, 9 };

static fpga_result say_hello(struct hello h)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u32(w, h.magic);
	wire_put_u16(w, h.lowest);
	wire_put_u16(w, h.highest);
	wire_put_u64(w, UINT64_MAX);
	wire_put_u32(w, h.max_frame);
	wire_put_u32(w, h.calls);
	wire_put_text(w, "a program");
	return rig_call(&r, WIRE_HELLO, 0);
}

static void hello_agrees(void **state)
{
	struct rpc_session_info info;
	char text[64];

	(void)state;
	rig_start(&r);
	assert_int_equal(say_hello(good), FPGA_OK);
	assert_int_equal(wire_get_u16(&r.reply.in), WIRE_VERSION);
	assert_int_equal(wire_get_u64(&r.reply.in), WIRE_FEATURE_TRACKED); /* of all that was wanted */
	assert_int_equal(wire_get_u32(&r.reply.in), WIRE_FRAME_MAX);
	assert_int_equal(wire_get_u32(&r.reply.in), WIRE_CALLS_MAX);
	wire_get_string(&r.reply.in, text, sizeof(text));
	assert_memory_equal(text, "opaed ", 6);
	wire_get_string(&r.reply.in, text, sizeof(text));
	assert_string_equal(text, "modelhost");
	wire_get_string(&r.reply.in, text, sizeof(text));
	assert_string_equal(text, "unix:1000");
	assert_false(r.reply.in.bad);
	assert_int_equal(say_hello(good), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	rig_open(&r, ACCELERATOR, 0);
	rpc_session_info(r.session, &info);
	assert_string_equal(info.program, "a program");
	assert_string_equal(info.principal, "unix:1000");
	assert_string_equal(info.peer, "peer");
	assert_int_equal(info.frames, 4);
	assert_int_equal(info.handles, 1);
}

static void refused(struct hello h, fpga_result result, const char *why)
{
	rig_start(&r);
	assert_int_equal(say_hello(h), result);
	assert_non_null(strstr(r.reply.why, why));
	ends_with = -EPROTO;
	assert_int_equal(rig_await_end(&r), -EPROTO);
	assert_non_null(strstr(rpc_session_why(r.session), why));
}

static void a_version_that_is_too_new_is_refused(void **state)
{
	struct hello h = good;

	(void)state;
	h.lowest = WIRE_VERSION + 1;
	refused(h, FPGA_NOT_SUPPORTED, "speaks version 1 of the protocol, and the client 2 to 9");
}

static void a_version_that_is_too_old_is_refused(void **state)
{
	struct hello h = good;

	(void)state;
	h.highest = 0;
	refused(h, FPGA_NOT_SUPPORTED, "update the older");
}

static void short_frames_are_refused(void **state)
{
	struct hello h = good;

	(void)state;
	h.max_frame = WIRE_FRAME_MIN - 1;
	refused(h, FPGA_INVALID_PARAM, "frames of 16383 bytes are too short");
}

static void short_frames_are_kept_to(void **state)
{
	struct hello h = good;
	struct wire_writer *w;
	uint32_t id;
	uint64_t handle;

	(void)state;
	h.max_frame = WIRE_FRAME_MIN;
	fake.ghosts = 300;
	rig_start(&r);
	assert_int_equal(say_hello(h), FPGA_OK);
	id = rig_send(&r, WIRE_ENUMERATE, 0);
	do {
		assert_int_equal(rig_await(&r, id), FPGA_OK);
		assert_true(r.reply.head.size <= WIRE_FRAME_MIN);
	} while (r.reply.head.flags & WIRE_MORE);
	handle = rig_open(&r, ACCELERATOR, 0);
	w = rig_body(&r);
	wire_put_u32(w, 0);
	wire_put_u64(w, 0);
	wire_put_u32(w, WIRE_FRAME_MIN);
	assert_int_equal(rig_call(&r, WIRE_READ_BLOCK, handle), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "READ_BLOCK: the answer is longer than the peer takes");
}

static void expect_end(int rc, const char *why)
{
	ends_with = rc;
	assert_int_equal(rig_await_end(&r), rc);
	if (!strstr(rpc_session_why(r.session), why))
		fail_msg("%s", rpc_session_why(r.session));
}

static void who_does_not_say_hello_first_is_left(void **state)
{
	(void)state;
	rig_start(&r);
	rig_send(&r, WIRE_PING, 0);
	expect_end(-EPROTO, "did not say HELLO first");
}

static void who_speaks_something_else_is_left(void **state)
{
	struct wire_writer *w;

	(void)state;
	rig_start(&r);
	w = rig_body(&r);
	wire_put_u32(w, 0x20544547);
	wire_put_u16(w, 1);
	wire_put_u16(w, 1);
	wire_put_u64(w, 0);
	wire_put_u32(w, WIRE_FRAME_MAX);
	wire_put_u32(w, 1);
	wire_put_text(w, "");
	rig_send(&r, WIRE_HELLO, 0);
	expect_end(-EPROTO, "another protocol");
}

static void a_cut_hello_is_none(void **state)
{
	(void)state;
	rig_start(&r);
	wire_put_u32(rig_body(&r), WIRE_MAGIC);
	rig_send(&r, WIRE_HELLO, 0);
	expect_end(-EPROTO, "another protocol");
}

static void who_says_nothing_is_left(void **state)
{
	(void)state;
	r.options.hello_ns = 20 * NS_PER_MS;
	rig_start(&r);
	expect_end(-ETIMEDOUT, "the peer said no HELLO within 20 ms");
}

static void who_says_half_is_left(void **state)
{
	unsigned char half[WIRE_HEAD - 1] = { 0 };
	struct iovec iov = { half, sizeof(half) };

	(void)state;
	r.options.hello_ns = 20 * NS_PER_MS;
	rig_start(&r);
	assert_int_equal(rpc_link_send_iov(&r.link, &iov, 1, INT64_MAX), 0);
	expect_end(-ETIMEDOUT, "the peer said no HELLO within 20 ms");
}

/* ---- frames that end it ---- */

static void begin(void)
{
	rig_start(&r);
	rig_hello(&r);
}

static void a_reply_is_not_for_a_client(void **state)
{
	(void)state;
	begin();
	rig_send_head(&r, (struct wire_head){ .op = WIRE_PING, .id = 9, .flags = WIRE_REPLY });
	expect_end(-EPROTO, "sent a reply");
}

static void a_push_is_not_for_a_client(void **state)
{
	(void)state;
	begin();
	rig_send_head(&r, (struct wire_head){ .op = WIRE_CHANGED, .flags = WIRE_ONE_WAY });
	expect_end(-EPROTO, "sent CHANGED, which is the server's");
}

static void a_request_has_an_id(void **state)
{
	(void)state;
	begin();
	rig_send_head(&r, (struct wire_head){ .op = WIRE_PING });
	expect_end(-EPROTO, "the id 0");
}

static void what_has_a_reply_is_not_posted(void **state)
{
	(void)state;
	begin();
	rig_post(&r, WIRE_ENUMERATE, 0);
	expect_end(-EPROTO, "sent ENUMERATE one-way");
}

static void an_unknown_flag_ends_it(void **state)
{
	(void)state;
	begin();
	rig_send_head(&r, (struct wire_head){ .op = WIRE_PING, .id = 9, .flags = 1u << 15 });
	expect_end(-EPROTO, "");
}

static void a_frame_that_is_too_long_ends_it(void **state)
{
	unsigned char head[WIRE_HEAD];
	struct iovec iov = { head, sizeof(head) };

	(void)state;
	begin();
	wire_head_write(head, &(struct wire_head){ .size = WIRE_FRAME_MAX + 1, .op = WIRE_PING, .id = 9 });
	assert_int_equal(rpc_link_send_iov(&r.link, &iov, 1, INT64_MAX), 0);
	expect_end(-EMSGSIZE, "");
}

static void unknown_messages_are_survived(void **state)
{
	(void)state;
	begin();
	assert_int_equal(rig_call(&r, 999, 0), FPGA_NOT_SUPPORTED);
	assert_string_equal(r.reply.why, "message 999 is not known here");
	assert_int_equal(rig_call(&r, 65535, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(rig_call(&r, 0, 0), FPGA_NOT_SUPPORTED);
	rig_post(&r, 999, 0);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

/* ---- bodies ---- */

/* A value of each type of the form, one group; where the group begins. */
static size_t put_body(struct wire_writer *w, const char *form)
{
	static const struct opae_props props;
	static const uint8_t guid[16];
	size_t group = SIZE_MAX;

	for (; *form; form++) {
		switch (*form) {
		case 'y': wire_put_u8(w, 1); break;
		case 'q': wire_put_u16(w, 1); break;
		case 'u': wire_put_u32(w, 8); break;
		case 't': wire_put_u64(w, 8); break;
		case 'g': wire_put_guid(w, guid); break;
		case 's': wire_put_text(w, "num"); break;
		case 'b': wire_put_bytes(w, guid, 16); break;
		case 'p': wire_put_props(w, &props); break;
		case '(': group = w->len; break;
		default: break;
		}
	}
	return group;
}

static uint64_t object_for(const struct wire_op_info *op, uint64_t handle)
{
	if (op->on == WIRE_ON_TOKEN)
		return ACCELERATOR;
	if (op->on == WIRE_ON_HANDLE)
		return handle;
	if (op->on == WIRE_ON_NOTHING)
		return 0;
	wire_put_text(rig_body(&r), "box");
	wire_put_u32(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_TOKEN_OBJECT, ACCELERATOR), FPGA_OK);
	return wire_get_u64(&r.reply.in);
}

/* Each length of the message's body but the whole. */
static void cut(const struct wire_op_info *op, uint64_t object)
{
	unsigned char whole[512];
	struct wire_writer w;
	size_t group;

	wire_writer_init(&w, whole, sizeof(whole), op->request);
	group = put_body(&w, op->request);
	assert_false(w.bad);
	for (size_t len = 0; len < w.len; len++) {
		fpga_result result;

		rig_body(&r);
		memcpy(r.out.at, whole, len);
		r.out.len = len;
		result = rig_call(&r, op->number, object);
		if (len != group && result != FPGA_INVALID_PARAM)
			fail_msg("%s with %zu of %zu bytes: %d", op->name, len, w.len, result);
	}
}

static void bodies_may_be_cut_anywhere(void **state)
{
	uint64_t handle;

	(void)state;
	r.options.rights_here = give_rights_here;
	rights_here = WIRE_RIGHT_ADMIN;
	begin();
	handle = rig_open(&r, ACCELERATOR, 0);
	for (unsigned int i = 0; i < wire_num_ops; i++) {
		const struct wire_op_info *op = &wire_ops[i];

		if (op->kind != WIRE_KIND_PUSH && op->number != WIRE_HELLO)
			cut(op, object_for(op, handle));
	}
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

static void a_body_may_be_longer_than_we_know(void **state)
{
	uint64_t handle;

	(void)state;
	begin();
	handle = rig_open(&r, ACCELERATOR, 0);
	wire_put_u32(rig_body(&r), 0);
	wire_put_u64(&r.out, 0);
	wire_put_u64(&r.out, 123);
	assert_int_equal(rig_call(&r, WIRE_READ64, handle), FPGA_OK);
}

/* ---- rights ---- */

static void each_right_is_asked_for(void **state)
{
	(void)state;
	r.options.rights = give_rights;
	begin();
	for (unsigned int i = 0; i < wire_num_ops; i++) {
		const struct wire_op_info *op = &wire_ops[i];
		uint64_t handle, object;

		if (op->kind == WIRE_KIND_PUSH || op->on == WIRE_ON_NOTHING || !(op->right & WIRE_RIGHTS_ALL))
			continue;
		rights = (WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE) & ~op->right;
		assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
		handle = rig_open(&r, ACCELERATOR, 0);
		object = object_for(op, handle);
		rig_body(&r);
		put_body(&r.out, op->request);
		assert_int_equal(rig_call(&r, op->number, object), FPGA_NO_ACCESS);
		assert_non_null(strstr(r.reply.why, op->name));
		assert_non_null(strstr(r.reply.why, wire_right_name(op->right)));
		assert_int_equal(rig_call(&r, WIRE_CLOSE, handle), FPGA_OK);
	}
}

static void what_may_not_be_seen_is_not_there(void **state)
{
	struct opae_props p;

	(void)state;
	r.options.rights = give_rights;
	rights = WIRE_RIGHTS_ALL;
	begin();
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(wire_get_u64(&r.reply.in), fake_device_id(i));
		wire_get_u64(&r.reply.in);
		wire_get_props(&r.reply.in, &p);
	}
	assert_false(wire_more(&r.reply.in));
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_NOT_FOUND);
	wire_put_u32(rig_body(&r), 0);
	assert_int_equal(rig_call(&r, WIRE_OPEN, ACCELERATOR), FPGA_NOT_FOUND);
}

static uint32_t accelerators_alone(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	return props->objtype == FPGA_ACCELERATOR ? WIRE_RIGHT_SEE : 0;
}

static void a_parent_that_may_not_be_seen_is_none(void **state)
{
	(void)state;
	r.options.rights = accelerators_alone;
	begin();
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), ACCELERATOR);
	assert_int_equal(wire_get_u64(&r.reply.in), 0);
}

static void a_posted_write_that_is_not_allowed_is_told(void **state)
{
	uint64_t handle;

	(void)state;
	r.options.rights = give_rights;
	rights &= ~(unsigned int)WIRE_RIGHT_MMIO_WRITE;
	begin();
	handle = rig_open(&r, ACCELERATOR, 0);
	rig_put_write(&r, 0, 8, 0, 1);
	rig_post(&r, WIRE_WRITE, handle);
	wire_put_u32(rig_body(&r), 0);
	wire_put_u64(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_READ64, handle), FPGA_NO_ACCESS);
	assert_int_equal(rig_read(&r, handle, 0, 0), 0);
}

/* ---- other sessions ---- */

static fpga_result two_sessions(void *ctx, void (*each)(void *arg, const struct rpc_session_info *info),
				void *arg)
{
	struct rpc_session_info info = { .id = 3, .handles = 1, .principal = "unix:7", .seconds = 5 };

	(void)ctx;
	each(arg, &info);
	info.id = 4;
	each(arg, &info);
	return FPGA_OK;
}

static fpga_result kick_four(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 4 ? FPGA_OK : FPGA_NOT_FOUND;
}

static void sessions_are_for_administrators(void **state)
{
	char text[16];

	(void)state;
	begin();
	assert_int_equal(rig_call(&r, WIRE_SESSIONS, 0), FPGA_NO_ACCESS);
	wire_put_u32(rig_body(&r), 4);
	assert_int_equal(rig_call(&r, WIRE_KICK, 0), FPGA_NO_ACCESS);
	rig_end(&r);
	rig_new(&r);
	r.options.rights_here = give_rights_here;
	r.options.sessions = two_sessions;
	r.options.kick = kick_four;
	rights_here = WIRE_RIGHT_ADMIN;
	begin();
	assert_int_equal(rig_call(&r, WIRE_SESSIONS, 0), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 3);
	wire_get_string(&r.reply.in, text, sizeof(text));
	assert_string_equal(text, "unix:7");
	wire_put_u32(rig_body(&r), 4);
	assert_int_equal(rig_call(&r, WIRE_KICK, 0), FPGA_OK);
	wire_put_u32(rig_body(&r), 5);
	assert_int_equal(rig_call(&r, WIRE_KICK, 0), FPGA_NOT_FOUND);
}

/* ---- limits ---- */

static void handles_are_bounded(void **state)
{
	(void)state;
	r.options.max_handles = 2;
	begin();
	rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED);
	rig_open(&r, ACCELERATOR, FPGA_OPEN_SHARED);
	wire_put_u32(rig_body(&r), FPGA_OPEN_SHARED);
	assert_int_equal(rig_call(&r, WIRE_OPEN, ACCELERATOR), FPGA_BUSY);
	assert_non_null(strstr(r.reply.why, "2 handles"));
	assert_int_equal(atomic_load(&fake.handles), 2);
}

static void calls_under_way_are_bounded(void **state)
{
	uint32_t ids[2];
	uint64_t handle;

	(void)state;
	r.options.max_calls = 2;
	begin();
	handle = rig_open(&r, ACCELERATOR, 0);
	for (unsigned int i = 0; i < 2; i++) {
		rig_put_poll(&r, 0x100, 1, 1, 20 * SECOND);
		ids[i] = rig_send(&r, WIRE_POLL, handle);
	}
	rig_put_poll(&r, 0x100, 1, 1, 20 * SECOND);
	assert_int_equal(rig_call(&r, WIRE_POLL, handle), FPGA_BUSY);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_BUSY);
	rig_put_write(&r, 0, 8, 0x100, 1);
	assert_int_equal(rig_call(&r, WIRE_WRITE, handle), FPGA_OK);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(rig_await(&r, ids[i]), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK); /* there is room at once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(hello_agrees),
		RIGGED(a_version_that_is_too_new_is_refused),
		RIGGED(a_version_that_is_too_old_is_refused),
		RIGGED(short_frames_are_refused),
		RIGGED(short_frames_are_kept_to),
		RIGGED(who_does_not_say_hello_first_is_left),
		RIGGED(who_speaks_something_else_is_left),
		RIGGED(a_cut_hello_is_none),
		RIGGED(who_says_nothing_is_left),
		RIGGED(who_says_half_is_left),
		RIGGED(a_reply_is_not_for_a_client),
		RIGGED(a_push_is_not_for_a_client),
		RIGGED(a_request_has_an_id),
		RIGGED(what_has_a_reply_is_not_posted),
		RIGGED(an_unknown_flag_ends_it),
		RIGGED(a_frame_that_is_too_long_ends_it),
		RIGGED(unknown_messages_are_survived),
		RIGGED(bodies_may_be_cut_anywhere),
		RIGGED(a_body_may_be_longer_than_we_know),
		RIGGED(each_right_is_asked_for),
		RIGGED(what_may_not_be_seen_is_not_there),
		RIGGED(a_parent_that_may_not_be_seen_is_none),
		RIGGED(a_posted_write_that_is_not_allowed_is_told),
		RIGGED(sessions_are_for_administrators),
		RIGGED(handles_are_bounded),
		RIGGED(calls_under_way_are_bounded),
	};

	return RUN(tests);
}
