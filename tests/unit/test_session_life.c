/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that take long, changes that are told, and how a session ends in each state that it can be in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/session-rig.h"
#include "transport/loop.h"

#define ACCELERATOR fake_accelerator_id(0)
#define SECOND UINT64_C(1000000) /* of microseconds */

static struct rig r;
static int ends_with;
static atomic_uint told; /* times that options.changed was called */

static void count_changed(void *ctx, uint64_t object_id)
{
	(void)ctx;
	atomic_fetch_add(&told, object_id == ACCELERATOR);
}

static void model_up(void)
{
	fpga_result (*slow)(fpga_handle, uint64_t, uint64_t, int);

	fake_up();
	slow = fake.table.fpgaSetUserClock;
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	fake.table.fpgaSetUserClock = slow;
}

static int up(void **state)
{
	(void)state;
	model_up();
	rig_new(&r);
	r.options.changed = count_changed;
	atomic_store(&told, 0);
	ends_with = 0;
	rig_start(&r);
	rig_hello(&r);
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

/* ---- calls that take long ---- */

/* A LONG call that is under way until fake.hold is false. */
static uint32_t begin_long(uint64_t handle, uint64_t high)
{
	uint32_t id;

	atomic_store(&fake.hold, true);
	wire_put_u64(rig_body(&r), high);
	wire_put_u64(&r.out, 5);
	wire_put_u32(&r.out, 0);
	id = rig_send(&r, WIRE_CLOCK_SET, handle);
	fake_await_held();
	return id;
}

static uint32_t send_read(uint64_t handle, uint64_t offset)
{
	wire_put_u32(rig_body(&r), 0);
	wire_put_u64(&r.out, offset);
	return rig_send(&r, WIRE_READ64, handle);
}

static void a_long_call_holds_up_its_handle_alone(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), other = rig_open(&r, fake_accelerator_id(1), 0);
	uint32_t clock, read, poll;

	(void)state;
	clock = begin_long(h, 10);
	rig_put_write(&r, 0, 8, 0x40, 7);
	rig_post(&r, WIRE_WRITE, h);
	rig_put_poll(&r, 0x40, 7, 7, 0);
	poll = rig_send(&r, WIRE_POLL, h);
	read = send_read(h, 0x40);
	assert_int_equal(rig_read(&r, other, 0, 0x40), 0);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_OK);
	assert_int_equal(atomic_load(&fake.cards[0].regs[8]), 0);
	assert_int_equal(r.num_others, 0);
	atomic_store(&fake.hold, false);
	assert_int_equal(rig_await(&r, clock), FPGA_OK);
	assert_int_equal(rig_await(&r, poll), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 1);
	assert_int_equal(rig_await(&r, read), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), 7);
}

static void a_long_call_fails_as_the_table_does(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	wire_put_u64(rig_body(&r), 1);
	wire_put_u64(&r.out, 5);
	wire_put_u32(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_CLOCK_SET, h), FPGA_INVALID_PARAM);
	assert_string_equal(r.reply.why, "model: the low clock is above the high one");
}

static void long_calls_queue_up(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	uint32_t ids[4];

	(void)state;
	ids[0] = begin_long(h, 10);
	for (unsigned int i = 1; i < 4; i++) {
		wire_put_u64(rig_body(&r), 10 + i);
		wire_put_u64(&r.out, 5);
		wire_put_u32(&r.out, 0);
		ids[i] = rig_send(&r, WIRE_CLOCK_SET, h);
	}
	atomic_store(&fake.hold, false);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig_await(&r, ids[i]), FPGA_OK);
	assert_int_equal(rig_read(&r, h, 1, 0), 13);
}

static void close_waits_for_a_long_call(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);
	uint32_t clock, close, late;

	(void)state;
	clock = begin_long(h, 10);
	close = rig_send(&r, WIRE_CLOSE, h);
	late = send_read(h, 0);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	assert_int_equal(atomic_load(&fake.handles), 1);
	atomic_store(&fake.hold, false);
	assert_int_equal(rig_await(&r, clock), FPGA_OK);
	assert_int_equal(rig_await(&r, close), FPGA_OK);
	assert_int_equal(rig_await(&r, late), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "no open handle"));
	assert_int_equal(atomic_load(&fake.handles), 0);
}

static void what_waits_is_bounded(void **state)
{
	uint64_t h;
	uint32_t clock, read;

	(void)state;
	rig_end(&r);
	rig_new(&r);
	r.options.max_calls = 3;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, ACCELERATOR, 0);
	clock = begin_long(h, 10);
	read = send_read(h, 0x40);
	rig_put_write(&r, 0, 8, 0x40, 7);
	rig_post(&r, WIRE_WRITE, h);
	assert_int_equal(rig_await(&r, send_read(h, 0x40)), FPGA_BUSY);
	rig_put_write(&r, 0, 8, 0x40, 8);
	rig_post(&r, WIRE_WRITE, h); /* has no room, and cannot say so: it waits for some */
	atomic_store(&fake.hold, false);
	assert_int_equal(rig_await(&r, clock), FPGA_OK);
	assert_int_equal(rig_await(&r, read), FPGA_OK);
	assert_int_equal(rig_read(&r, h, 0, 0x40), 8);
}

/* ---- changes ---- */

struct change {
	uint32_t what;
	uint64_t parent;
	struct opae_props props;
};

static struct change read_change(struct rig_frame *f)
{
	struct change c = { .what = wire_get_u32(&f->in) };

	c.parent = wire_get_u64(&f->in);
	wire_get_props(&f->in, &c.props);
	assert_false(f->in.bad);
	rig_frame_free(f);
	return c;
}

static struct change await_change(uint64_t object)
{
	for (;;) {
		struct rig_frame f = rig_await_push(&r, WIRE_CHANGED);
		struct change c = read_change(&f);

		if (f.head.object == object)
			return c;
	}
}

static void what_this_session_does_is_told(void **state)
{
	struct change c;
	uint64_t h;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	h = rig_open(&r, ACCELERATOR, 0);
	c = await_change(ACCELERATOR);
	assert_int_equal(c.what, 1);
	assert_int_equal(c.parent, fake_device_id(0));
	assert_int_equal(c.props.state, FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(atomic_load(&told), 1);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	c = await_change(ACCELERATOR);
	assert_int_equal(c.props.state, FPGA_ACCELERATOR_UNASSIGNED);
	assert_int_equal(atomic_load(&told), 2);
}

static void what_happens_elsewhere_is_told(void **state)
{
	struct change c;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	fake.cards[0].guid0 = 0x77; /* nobody enumerates now */
	rpc_session_look(r.session);
	c = await_change(ACCELERATOR);
	assert_int_equal(c.what, 1);
	assert_int_equal(c.props.guid[0], 0x77);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK); /* it enumerates no more */
	fake.cards[0].gone = true;
	fake.num_cards = 3;
	rpc_session_look(r.session);
	c = await_change(fake_accelerator_id(2));
	assert_int_equal(c.what, 3);
	assert_int_equal(c.parent, fake_device_id(2));
	c = await_change(ACCELERATOR);
	assert_int_equal(c.what, 2);
	assert_int_equal(c.props.guid[0], 0x77);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_NOT_FOUND);
}

static void a_listing_tells_what_is_gone(void **state)
{
	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	fake.cards[0].gone = true;
	fake.cards[1].guid0 = 5;
	fake.num_cards = 3;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	assert_int_equal(await_change(ACCELERATOR).what, 2);
	assert_int_equal(r.num_pushes, 0);
}

static void nothing_is_told_to_who_has_listed_nothing(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	fake.cards[1].gone = true;
	rpc_session_look(r.session);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, 99), FPGA_NOT_FOUND);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	assert_int_equal(r.num_pushes, 0);
}

/* However many of them there are, who applies what is told knows what is true in the end. */
static void a_storm_of_changes_is_told_at_its_end(void **state)
{
	fpga_accelerator_state known = FPGA_ACCELERATOR_UNASSIGNED;
	unsigned int num = 0;
	struct change c;

	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	for (unsigned int i = 0; i < 15; i++) {
		uint64_t h = rig_open(&r, ACCELERATOR, 0);

		if (i < 14)
			assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	}
	atomic_store(&fake.cards[1].gone, true);
	rpc_session_look(r.session);
	for (uint64_t object = 0; object != fake_accelerator_id(1);) {
		struct rig_frame f = rig_await_push(&r, WIRE_CHANGED);

		object = f.head.object;
		c = read_change(&f);
		known = object == ACCELERATOR ? c.props.state : known;
		num += object == ACCELERATOR;
	}
	assert_int_equal(known, FPGA_ACCELERATOR_ASSIGNED);
	assert_true(num > 0 && num <= 29);
}

/* ---- the end ---- */

static void handles_end_with_the_session(void **state)
{
	(void)state;
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	rig_open(&r, ACCELERATOR, 0);
	rig_open(&r, fake_device_id(0), 0);
	rpc_link_break(&r.link, -ECANCELED);
	assert_int_equal(rig_await_end(&r), 0);
	assert_string_equal(rpc_session_why(r.session), "the peer has gone");
	assert_string_equal(fake.log, "open open "); /* run() has nothing to do with it */
	assert_int_equal(rig_end(&r), 0);
	assert_string_equal(fake.log, "open open quiesce quiesce close close ");
	up(state);
}

static void polls_end_with_the_session(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		rig_put_poll(&r, FAKE_COUNTS, UINT64_MAX, 0, UINT64_MAX);
		rig_send(&r, WIRE_POLL, h);
	}
	rig_send(&r, WIRE_CLOSE, h);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

static void a_long_call_ends_before_its_handle(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	begin_long(h, 10);
	rig_put_write(&r, 0, 8, 0x40, 7);
	rig_post(&r, WIRE_WRITE, h);
	rig_send(&r, WIRE_CLOSE, h);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	rpc_link_break(&r.link, -ECANCELED);
	assert_int_equal(rig_await_end(&r), 0);
	assert_int_equal(atomic_load(&fake.cards[0].handles[1]), 1);
	atomic_store(&fake.hold, false);
}

static void a_long_call_that_ended_unseen_leaves_nothing(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	begin_long(h, 10);
	rpc_session_stop(r.session);
	ends_with = -ECANCELED;
	assert_int_equal(rig_await_end(&r), -ECANCELED);
	assert_string_equal(rpc_session_why(r.session), "stopped");
	atomic_store(&fake.hold, false);
	while (atomic_load(&fake.held))
		clock_sleep_ns(NS_PER_MS);
}

static void an_enumeration_under_way_ends_first(void **state)
{
	(void)state;
	fake.ghosts = 900;
	for (unsigned int i = 0; i < 20; i++)
		rig_send(&r, WIRE_ENUMERATE, 0);
}

static void half_a_frame_is_forgotten(void **state)
{
	unsigned char half[WIRE_HEAD + 9];
	struct iovec iov = { half, sizeof(half) };

	(void)state;
	rig_open(&r, ACCELERATOR, 0);
	memset(half, 0, sizeof(half));
	wire_head_write(half, &(struct wire_head){ .size = WIRE_HEAD + 12, .op = WIRE_READ64, .id = 9 });
	assert_int_equal(rpc_link_send_iov(&r.link, &iov, 1, INT64_MAX), 0);
}

static void a_session_that_never_began_ends(void **state)
{
	rig_end(&r);
	rig_new(&r);
	rig_start(&r);
	(void)state;
}

static void stop_ends_it(void **state)
{
	(void)state;
	rig_open(&r, ACCELERATOR, 0);
	rpc_session_stop(r.session);
	ends_with = -ECANCELED;
	assert_int_equal(rig_await_end(&r), -ECANCELED);
}

/* ---- without threads ---- */

static void pump(void *ctx)
{
	rpc_session_step(ctx);
}

static void a_session_can_be_stepped(void **state)
{
	struct transport *near, *far;
	struct change c;
	uint64_t h;

	(void)state;
	rig_end(&r);
	rig_new(&r);
	assert_int_equal(loop_pair(1 << 20, &near, &far), 0);
	assert_int_equal(rpc_link_init(&r.link, near), 0);
	r.link.peer_max = WIRE_FRAME_MAX;
	assert_int_equal(rpc_session_new(far, &fake.served, &r.options, &r.session), 0);
	loop_set_pump(near, pump, r.session);
	rig_hello(&r);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	h = rig_open(&r, ACCELERATOR, 0);
	c = await_change(ACCELERATOR);
	assert_int_equal(c.props.state, FPGA_ACCELERATOR_ASSIGNED);
	wire_put_u64(rig_body(&r), 10);
	wire_put_u64(&r.out, 5);
	wire_put_u32(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_CLOCK_SET, h), FPGA_OK);
	assert_int_equal(rig_read(&r, h, 1, 0), 10);
	rig_put_poll(&r, FAKE_COUNTS, 7, 5, 20 * SECOND);
	assert_int_equal(rig_call(&r, WIRE_POLL, h), FPGA_OK);
	assert_int_equal(wire_get_u32(&r.reply.in), 1);
	rig_put_poll(&r, 0, 1, 1, UINT64_MAX);
	rig_send(&r, WIRE_POLL, h);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_long_call_holds_up_its_handle_alone),
		RIGGED(a_long_call_fails_as_the_table_does),
		RIGGED(long_calls_queue_up),
		RIGGED(close_waits_for_a_long_call),
		RIGGED(what_waits_is_bounded),
		RIGGED(what_this_session_does_is_told),
		RIGGED(what_happens_elsewhere_is_told),
		RIGGED(a_listing_tells_what_is_gone),
		RIGGED(nothing_is_told_to_who_has_listed_nothing),
		RIGGED(a_storm_of_changes_is_told_at_its_end),
		RIGGED(handles_end_with_the_session),
		RIGGED(polls_end_with_the_session),
		RIGGED(a_long_call_ends_before_its_handle),
		RIGGED(a_long_call_that_ended_unseen_leaves_nothing),
		RIGGED(an_enumeration_under_way_ends_first),
		RIGGED(half_a_frame_is_forgotten),
		RIGGED(a_session_that_never_began_ends),
		RIGGED(stop_ends_it),
		RIGGED(a_session_can_be_stepped),
	};

	return RUN(tests);
}
