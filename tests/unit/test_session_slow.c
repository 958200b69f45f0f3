/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, closing and looking for objects that take long: whom they hold up, and how a session ends then. */
#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/session-rig.h"

#define ACCELERATOR fake_accelerator_id(0)
#define OTHER fake_accelerator_id(1)
#define PAGE 4096u

static struct rig r;
static int ends_with;
static atomic_uint told; /* times that options.changed was called */

static void count_changed(void *ctx, uint64_t object_id)
{
	(void)ctx;
	atomic_fetch_add(&told, object_id == ACCELERATOR);
}

static void begin(uint32_t max_handles)
{
	rig_new(&r);
	r.options.changed = count_changed;
	r.options.max_handles = max_handles;
	rig_start(&r);
	rig_hello(&r);
}

static int up(void **state)
{
	(void)state;
	fake_up();
	atomic_store(&told, 0);
	ends_with = 0;
	begin(0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	atomic_store(&fake.hold, false);
	assert_int_equal(rig_end(&r), ends_with);
	fake_down();
	return 0;
}

/* Sends a request whose call of this kind is under way until let_go(); those of others are not slow. */
static uint32_t send_slow(enum fake_slow what, uint16_t op, uint64_t object)
{
	uint32_t id;

	atomic_store(&fake.hold, true);
	atomic_store(&fake.slow, what);
	id = rig_send(&r, op, object);
	fake_await_held();
	atomic_store(&fake.slow, 0);
	return id;
}

static uint32_t send_slow_open(uint64_t object)
{
	wire_put_u32(rig_body(&r), 0);
	return send_slow(FAKE_SLOW_OPEN, WIRE_OPEN, object);
}

static void let_go(void)
{
	atomic_store(&fake.hold, false);
}

static uint32_t send_read(uint64_t handle, uint64_t offset)
{
	wire_put_u32(rig_body(&r), 0);
	wire_put_u64(&r.out, offset);
	return rig_send(&r, WIRE_READ64, handle);
}

/* What has nothing to do with what is under way is answered. */
static void check_alive(uint64_t handle)
{
	assert_int_equal(rig_read(&r, handle, 0, 0x40), 0);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	assert_true(atomic_load(&fake.held));
	assert_int_equal(r.num_others, 0);
}

/* ---- OPEN ---- */

static void a_slow_open_holds_up_nothing(void **state)
{
	uint64_t other = rig_open(&r, OTHER, 0), guess = other + (UINT64_C(1) << 32) + 1, h;
	uint32_t open;

	(void)state;
	open = send_slow_open(ACCELERATOR);
	check_alive(other);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	assert_int_equal(rig_await(&r, send_read(guess, 0x40)), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "no open handle"));
	assert_int_equal(rig_call(&r, WIRE_CLOSE, guess), FPGA_INVALID_PARAM);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, rig_open(&r, fake_device_id(0), 0)), FPGA_OK);
	assert_int_equal(atomic_load(&told), 0);
	let_go();
	assert_int_equal(rig_await(&r, open), FPGA_OK);
	h = wire_get_u64(&r.reply.in);
	assert_int_equal(h, guess);
	assert_int_equal(rig_read(&r, h, 0, 0x40), 0);
	assert_int_equal(atomic_load(&told), 1);
}

static void a_slow_open_that_fails_leaves_its_place(void **state)
{
	uint32_t open;

	(void)state;
	rig_end(&r);
	begin(1);
	open = send_slow_open(ACCELERATOR);
	atomic_store(&fake.open_result, FPGA_NO_DRIVER);
	wire_put_u32(rig_body(&r), 0);
	assert_int_equal(rig_call(&r, WIRE_OPEN, OTHER), FPGA_BUSY);
	assert_non_null(strstr(r.reply.why, "1 handles"));
	let_go();
	assert_int_equal(rig_await(&r, open), FPGA_NO_DRIVER);
	assert_string_equal(r.reply.why, "model: opening fails");
	atomic_store(&fake.open_result, FPGA_OK);
	assert_int_equal(atomic_load(&told), 0);
	rig_open(&r, OTHER, 0);
}

static void the_end_while_it_opens(void **state)
{
	(void)state;
	send_slow_open(ACCELERATOR);
	rpc_link_break(&r.link, -ECANCELED);
	assert_int_equal(rig_await_end(&r), 0);
	assert_true(atomic_load(&fake.held)); /* what is under way holds up rpc_session_free() alone */
	let_go();
	assert_int_equal(rig_end(&r), 0);
	assert_string_equal(fake.log, "open quiesce close ");
	assert_int_equal(atomic_load(&told), 1);
	begin(0);
}

/* ---- CLOSE ---- */

static void check_slow_close(enum fake_slow what)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), other = rig_open(&r, OTHER, 0);
	uint32_t close, again, read;

	close = send_slow(what, WIRE_CLOSE, h);
	rig_put_write(&r, 0, 8, 0x40, 7);
	rig_post(&r, WIRE_WRITE, h);
	read = send_read(h, 0x40);
	again = rig_send(&r, WIRE_CLOSE, h);
	check_alive(other);
	let_go();
	assert_int_equal(rig_await(&r, close), FPGA_OK);
	assert_int_equal(rig_await(&r, read), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "no open handle"));
	assert_int_equal(rig_await(&r, again), FPGA_INVALID_PARAM);
	assert_int_equal(atomic_load(&fake.cards[0].regs[8]), 0);
	assert_int_equal(atomic_load(&told), 2);
	assert_string_equal(fake.log, "open open quiesce close ");
}

static void a_slow_quiesce_holds_up_its_handle_alone(void **state)
{
	(void)state;
	check_slow_close(FAKE_SLOW_QUIESCE);
}

static void a_slow_close_holds_up_its_handle_alone(void **state)
{
	(void)state;
	check_slow_close(FAKE_SLOW_CLOSE);
}

static void an_open_waits_for_the_close_before_it(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0), again;
	uint32_t close, open;

	(void)state;
	close = send_slow(FAKE_SLOW_QUIESCE, WIRE_CLOSE, h);
	wire_put_u32(rig_body(&r), 0);
	open = rig_send(&r, WIRE_OPEN, ACCELERATOR);
	check_alive(rig_open(&r, OTHER, 0));
	let_go();
	assert_int_equal(rig_await(&r, close), FPGA_OK);
	assert_int_equal(rig_await(&r, open), FPGA_OK);
	again = wire_get_u64(&r.reply.in);
	assert_true(again != h);
	assert_int_equal(rig_read(&r, again, 0, 0x40), 0);
}

static void the_end_while_it_closes(void **state)
{
	uint64_t h = rig_open(&r, ACCELERATOR, 0);

	(void)state;
	send_slow(FAKE_SLOW_CLOSE, WIRE_CLOSE, h);
	send_read(h, 0x40);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	rpc_session_stop(r.session);
	ends_with = -ECANCELED;
	assert_int_equal(rig_await_end(&r), -ECANCELED);
	assert_true(atomic_load(&fake.held));
	let_go();
	assert_int_equal(rig_end(&r), -ECANCELED);
	assert_string_equal(fake.log, "open quiesce close ");
	assert_int_equal(atomic_load(&told), 2);
	begin(0);
	ends_with = 0;
}

/* A client may have as many calls under way as it likes to: what it has open it can always close. */
static void close_needs_no_call_that_is_free(void **state)
{
	uint64_t h, other;
	uint32_t close;

	(void)state;
	rig_end(&r);
	rig_new(&r);
	r.options.max_calls = 1;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, ACCELERATOR, 0);
	other = rig_open(&r, OTHER, 0);
	close = send_slow(FAKE_SLOW_CLOSE, WIRE_CLOSE, h);
	wire_put_u32(rig_body(&r), 0);
	assert_int_equal(rig_call(&r, WIRE_OPEN, fake_device_id(0)), FPGA_BUSY);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, other), FPGA_OK);
	assert_true(atomic_load(&fake.held));
	let_go();
	assert_int_equal(rig_await(&r, close), FPGA_OK);
}

/* ---- buffers of one handle that another device has ---- */

struct shared {
	uint64_t owner, child, wsid, io;
};

static void put_shared(const struct shared *b)
{
	wire_put_u64(rig_body(&r), b->owner);
	wire_put_u64(&r.out, b->wsid);
	wire_put_u64(&r.out, b->io);
}

static struct shared share(void)
{
	struct shared b = { .owner = rig_open(&r, ACCELERATOR, 0), .child = rig_open(&r, OTHER, 0) };

	wire_put_u64(rig_body(&r), PAGE);
	wire_put_u32(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_PREPARE, b.owner), FPGA_OK);
	b.wsid = wire_get_u64(&r.reply.in);
	b.io = wire_get_u64(&r.reply.in);
	put_shared(&b);
	assert_int_equal(rig_call(&r, WIRE_PIN, b.child), FPGA_OK);
	return b;
}

/* As long as the child's device has the memory it is not given back. */
static void memory_stays_until_the_other_device_is_closed(void **state)
{
	struct shared b = share();
	uint32_t child, owner;

	(void)state;
	child = send_slow(FAKE_SLOW_CLOSE, WIRE_CLOSE, b.child);
	wire_put_u64(rig_body(&r), b.wsid);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, b.owner), FPGA_BUSY);
	owner = rig_send(&r, WIRE_CLOSE, b.owner);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	assert_int_equal(atomic_load(&fake.buffers), 2); /* the owner's, and the other device's */
	assert_int_equal(r.num_others, 0);
	let_go();
	assert_int_equal(rig_await(&r, child), FPGA_OK);
	assert_int_equal(rig_await(&r, owner), FPGA_OK);
	assert_string_equal(fake.log, "open open quiesce close quiesce release close ");
}

static void no_device_gets_memory_that_goes(void **state)
{
	struct shared b = share();
	uint32_t owner;

	(void)state;
	owner = send_slow(FAKE_SLOW_QUIESCE, WIRE_CLOSE, b.owner);
	put_shared(&b);
	assert_int_equal(rig_call(&r, WIRE_PIN, b.child), FPGA_INVALID_PARAM);
	assert_non_null(strstr(r.reply.why, "no other open handle"));
	check_alive(b.child);
	let_go();
	assert_int_equal(rig_await(&r, owner), FPGA_OK);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, b.child), FPGA_OK);
}

/* ---- objects that are not known ---- */

static void an_unknown_object_is_looked_for_beside(void **state)
{
	uint64_t other = rig_open(&r, OTHER, 0);
	uint32_t unknown, open;

	(void)state;
	unknown = send_slow(FAKE_SLOW_ENUMERATE, WIRE_PROPERTIES, 99);
	fake.num_cards = 3; /* one more, that this look does not find yet, or does */
	wire_put_u32(rig_body(&r), 0);
	open = rig_send(&r, WIRE_OPEN, fake_accelerator_id(2));
	check_alive(other);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, ACCELERATOR), FPGA_OK);
	let_go();
	assert_int_equal(rig_await(&r, unknown), FPGA_NOT_FOUND);
	assert_int_equal(rig_await(&r, open), FPGA_OK);
	assert_int_equal(r.num_pushes, 0); /* the client has listed nothing */
}

static void the_end_while_it_looks(void **state)
{
	(void)state;
	send_slow(FAKE_SLOW_ENUMERATE, WIRE_PROPERTIES, 99);
	rig_send(&r, WIRE_PROPERTIES, 98);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_slow_open_holds_up_nothing),
		RIGGED(a_slow_open_that_fails_leaves_its_place),
		RIGGED(the_end_while_it_opens),
		RIGGED(a_slow_quiesce_holds_up_its_handle_alone),
		RIGGED(a_slow_close_holds_up_its_handle_alone),
		RIGGED(an_open_waits_for_the_close_before_it),
		RIGGED(the_end_while_it_closes),
		RIGGED(close_needs_no_call_that_is_free),
		RIGGED(memory_stays_until_the_other_device_is_closed),
		RIGGED(no_device_gets_memory_that_goes),
		RIGGED(an_unknown_object_is_looked_for_beside),
		RIGGED(the_end_while_it_looks),
	};

	return RUN(tests);
}
