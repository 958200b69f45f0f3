/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes past the connection: the peer is in this process and reaches memory by its address, and the
 * exposer writes down what it was told.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/check.h"
#include "tests/unit/held-rig.h"
#include "wire/bytes.h"

#define LANDING (UINT64_C(2) << 20)

static struct {
	unsigned int exposed, live, unmapped;
	int refuse; /* errno of the next expose */
	bool connected;
} fabric;

static int offer(void *ctx, struct rpc_offer *ret)
{
	(void)ctx;
	fabric.connected = false;
	*ret = (struct rpc_offer){ .provider = "tcp", .token = { 1, 2, 3 }, .address = "127.0.0.1:7",
				   .proof = { 9 } };
	return 0;
}

static int expose(void *ctx, void *at, size_t len, bool writable, struct rpc_exposed *ret)
{
	int rc = -fabric.refuse;

	(void)ctx;
	(void)len;
	fabric.refuse = 0;
	if (rc)
		return rc;
	fabric.live++;
	*ret = (struct rpc_exposed){ .key = ++fabric.exposed | (uint64_t)writable << 32,
				     .address = (uintptr_t)at, .region = at };
	return 0;
}

static void cover(void *ctx, struct rpc_exposed *e)
{
	(void)ctx;
	assert_non_null(e->region);
	fabric.live--;
	*e = (struct rpc_exposed){ 0 };
}

static void unmap(void *ctx, void *at, size_t len)
{
	(void)ctx;
	assert_int_equal(munmap(at, len), 0);
	fabric.unmapped++;
}

static bool stands(void *ctx)
{
	(void)ctx;
	return fabric.connected;
}

static const struct rpc_exposer exposer = { NULL, 16 * 1024, offer, stands, expose, cover, unmap };

static uint64_t max_pinned; /* of the next session; 0: the usual */

static int begin(uint64_t features)
{
	memset(&fabric, 0, sizeof(fabric));
	fabric.connected = true;
	fake_up();
	rig_new(&r);
	r.features = features;
	r.options.no_watch = true;
	r.options.exposer = &exposer;
	r.options.max_pinned = max_pinned;
	max_pinned = 0;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, fake_accelerator_id(0), 0);
	return 0;
}

static int up_exposed(void **state)
{
	(void)state;
	return begin(WIRE_FEATURE_TRACKED | WIRE_FEATURE_FABRIC);
}

static int up_small(void **state)
{
	(void)state;
	max_pinned = 4 << 20;
	return begin(WIRE_FEATURE_TRACKED | WIRE_FEATURE_FABRIC);
}

static int up_without(void **state)
{
	(void)state;
	return begin(WIRE_FEATURE_TRACKED);
}

static int down_covered(void **state)
{
	down(state);
	assert_int_equal(fabric.live, 0);
	return 0;
}

/* What is exposed at an address: of this process. */
struct place {
	uint64_t key, len;
	unsigned char *at;
};

static fpga_result try_expose(uint64_t id)
{
	wire_put_u64(rig_body(&r), id);
	return rig_call(&r, WIRE_EXPOSE, h);
}

static struct place exposed(uint64_t id)
{
	struct place p;

	assert_int_equal(try_expose(id), FPGA_OK);
	p.key = wire_get_u64(&r.reply.in);
	p.at = (unsigned char *)(uintptr_t)wire_get_u64(&r.reply.in);
	p.len = wire_get_u64(&r.reply.in);
	return p;
}

static void put_landed(uint64_t offset, uint64_t len, uint32_t more, uint64_t position)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u64(w, wsid);
	wire_put_u64(w, offset);
	wire_put_u64(w, 0);
	wire_put_u32(w, more);
	wire_put_u32(w, (uint32_t)len);
	wire_put_u64(w, position);
}

static fpga_result landed(uint64_t offset, uint64_t len, uint64_t position)
{
	put_landed(offset, len, 0, position);
	return rig_call(&r, WIRE_LANDED, h);
}

static void told_fetch(uint64_t offset, uint64_t len)
{
	struct rig_frame f = told(WIRE_FETCH);

	assert_int_equal(wire_get_u64(&f.in), wsid);
	assert_int_equal(wire_get_u64(&f.in), offset);
	assert_int_equal(wire_get_u64(&f.in), len);
	rig_frame_free(&f);
}

/* ---- agreeing ---- */

static void only_who_agreed_is_offered_it(void **state)
{
	(void)state;
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_FABRIC, 0), FPGA_NOT_SUPPORTED);
	prepare(PAGE, EXPLICIT);
	assert_int_equal(try_expose(wsid), FPGA_NOT_SUPPORTED);
	assert_int_equal(fabric.exposed, 0);
}

static void an_offer_is_told(void **state)
{
	char provider[16], address[64];
	uint8_t token[16], proof[16];

	(void)state;
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_FABRIC, 0), FPGA_OK);
	wire_get_string(&r.reply.in, provider, sizeof(provider));
	wire_get_string(&r.reply.in, address, sizeof(address));
	wire_get_guid(&r.reply.in, token);
	wire_get_guid(&r.reply.in, proof);
	assert_string_equal(provider, "tcp");
	assert_string_equal(address, "127.0.0.1:7");
	assert_int_equal(token[2], 3);
	assert_int_equal(proof[0], 9);
}

/* ---- what is exposed, and for how long ---- */

static void an_explicit_buffer_is_exposed_itself(void **state)
{
	struct place p;

	(void)state;
	prepare(2 * PAGE, EXPLICIT);
	p = exposed(wsid);
	assert_int_equal(p.len, 2 * PAGE);
	assert_int_equal(p.key >> 32, 1); /* may be written */
	p.at[PAGE] = 7;
	assert_int_equal(device_has(PAGE), 7);
	assert_int_equal(exposed(wsid).key, p.key); /* again: the same */
	assert_int_equal(fabric.exposed, 1);
}

static void a_twin_may_only_be_read(void **state)
{
	(void)state;
	prepare(2 * PAGE, TRACKED);
	assert_int_equal(exposed(wsid).key >> 32, 0);
}

static void others_are_not(void **state)
{
	(void)state;
	prepare(PAGE, 0);
	assert_int_equal(try_expose(wsid), FPGA_INVALID_PARAM);
	prepare(PAGE, TRACKED | READ_ONLY);
	assert_int_equal(try_expose(wsid), FPGA_INVALID_PARAM);
	assert_int_equal(try_expose(wsid + 1), FPGA_NOT_FOUND);
	assert_int_equal(fabric.exposed, 0);
	prepare(PAGE, EXPLICIT);
	fabric.refuse = ENOMEM;
	assert_int_equal(try_expose(wsid), FPGA_EXCEPTION);
	assert_int_equal(r.reply.head.error, ENOMEM);
	exposed(wsid);
}

static fpga_result release(void)
{
	wire_put_u64(rig_body(&r), wsid);
	return rig_call(&r, WIRE_RELEASE, h);
}

/* No access begins any more, and what was mapped by us is unmapped by who knows whether one is under way. */
static void what_was_exposed_is_covered(void **state)
{
	(void)state;
	prepare(PAGE, EXPLICIT);
	exposed(wsid);
	assert_int_equal(release(), FPGA_OK);
	assert_int_equal(fabric.live, 0);
	assert_int_equal(fabric.unmapped, 0); /* the device's own memory */
	prepare(PAGE, TRACKED);
	exposed(wsid);
	assert_int_equal(release(), FPGA_OK);
	assert_int_equal(fabric.live, 0);
	assert_int_equal(fabric.unmapped, 1);
}

static void a_close_covers_all(void **state)
{
	(void)state;
	prepare(PAGE, TRACKED);
	exposed(wsid);
	exposed(0);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_int_equal(fabric.live, 0);
	assert_int_equal(fabric.unmapped, 2);
}

/* It is no call of the program's: what was posted and failed is told by one. */
static void a_failure_is_not_told_by_it(void **state)
{
	(void)state;
	prepare(PAGE, EXPLICIT);
	rig_put_write(&r, 0, 8, UINT64_C(1) << 40, 1);
	rig_post(&r, WIRE_WRITE, h);
	exposed(wsid);
	assert_int_equal(release(), FPGA_INVALID_PARAM);
	assert_int_equal(release(), FPGA_OK);
}

/* The landing is memory of the session's as well. */
static void a_landing_counts(void **state)
{
	(void)state;
	prepare(LANDING, EXPLICIT);
	assert_int_equal(try_expose(0), FPGA_NO_MEMORY);
	assert_int_equal(release(), FPGA_OK);
	exposed(0);
	assert_int_equal(try_prepare(LANDING, EXPLICIT), FPGA_NO_MEMORY);
	prepare(LANDING - PAGE, EXPLICIT);
}

/* ---- FETCH ---- */

static unsigned char much[8 * PAGE];

static struct place prepare_exposed(uint64_t len, struct place *landing)
{
	prepare(len, TRACKED);
	*landing = exposed(0);
	assert_int_equal(landing->len, LANDING + WIRE_LANDING_HEAD);
	memset(much, 9, sizeof(much));
	return exposed(wsid);
}

static void much_that_is_new_is_fetched(void **state)
{
	struct place l, twin;

	(void)state;
	twin = prepare_exposed(16 * PAGE, &l);
	device(PAGE, much, 8 * PAGE);
	device_byte(12 * PAGE, 5); /* little: it comes */
	held(0, 16 * PAGE, 0);
	told_fetch(PAGE, 8 * PAGE);
	assert_int_equal(forget_pushes(WIRE_DATA), 1);
	assert_memory_equal(twin.at + PAGE, much, 8 * PAGE);
	assert_int_equal(twin.at[0], 0);
}

/* While it may still be read the twin keeps what it has: what the device does there is STALE. */
static void what_is_being_fetched_does_not_change(void **state)
{
	struct place l, twin;

	(void)state;
	twin = prepare_exposed(16 * PAGE, &l);
	device(PAGE, much, 8 * PAGE);
	held(0, 16 * PAGE, 0);
	told_fetch(PAGE, 8 * PAGE);
	device_byte(2 * PAGE, 1);
	device_byte(0, 2); /* not of what is fetched */
	look();
	told_byte(0, 2);
	told_stale(2 * PAGE, PAGE);
	told_cut(1);
	assert_int_equal(twin.at[2 * PAGE], 9);
	bytes_put64(l.at + WIRE_LANDING_FETCHED, 1);
	device_byte(3 * PAGE, 3);
	look();
	told_byte(3 * PAGE, 3);
	told_cut(2);
}

/* Who is to connect anew reads nothing until he has. */
static void nothing_is_fetched_by_who_connects_anew(void **state)
{
	struct place l;

	(void)state;
	prepare_exposed(16 * PAGE, &l);
	device(0, much, 8 * PAGE);
	assert_int_equal(rig_call(&r, WIRE_FABRIC, 0), FPGA_OK);
	held(0, 8 * PAGE, 0);
	assert_true(forget_pushes(WIRE_DATA) > 0);
	fabric.connected = true;
	device(8 * PAGE, much, 8 * PAGE);
	held(8 * PAGE, 8 * PAGE, 0);
	told_fetch(8 * PAGE, 8 * PAGE);
}

static void without_an_answer_no_more_is_fetched(void **state)
{
	struct place l;

	(void)state;
	prepare_exposed(16 * PAGE, &l);
	for (unsigned int i = 0; i < 9; i++) {
		memset(much, 1 + (int)i, sizeof(much));
		device(0, much, 8 * PAGE);
		held(0, 8 * PAGE, 0);
		if (i < 8)
			told_fetch(0, 8 * PAGE);
	}
	assert_int_equal(forget_pushes(WIRE_DATA), 1);
	bytes_put64(l.at + WIRE_LANDING_FETCHED, 8);
	memset(much, 77, sizeof(much));
	device(0, much, 8 * PAGE);
	held(0, 8 * PAGE, 0);
	told_fetch(0, 8 * PAGE);
}

/* ---- LANDED ---- */

static void what_has_landed_is_written_back(void **state)
{
	struct place l;

	(void)state;
	prepare_exposed(16 * PAGE, &l);
	held(0, 2 * PAGE, 0);
	device_byte(PAGE + 7, 3); /* beside what the program wrote */
	memcpy(l.at + WIRE_LANDING_HEAD, much, 2 * PAGE);
	l.at[WIRE_LANDING_HEAD + PAGE + 7] = 0;
	assert_int_equal(landed(0, 2 * PAGE, 0), FPGA_OK);
	assert_int_equal(device_has(0), 9);
	assert_int_equal(device_has(PAGE + 7), 3);
	assert_int_equal(device_has(PAGE + 8), 9);
	assert_int_equal(bytes_get64(l.at + WIRE_LANDING_TAKEN), 2 * PAGE);
}

static void what_has_not_landed_is_refused(void **state)
{
	struct place l;

	(void)state;
	prepare(16 * PAGE, TRACKED);
	assert_int_equal(landed(0, PAGE, 0), FPGA_INVALID_PARAM); /* nowhere to land */
	l = exposed(0);
	memset(l.at + WIRE_LANDING_HEAD, 4, 4 * PAGE);
	assert_int_equal(landed(0, PAGE, LANDING), FPGA_INVALID_PARAM);	       /* too far */
	assert_int_equal(landed(0, 2 * PAGE, LANDING - PAGE), FPGA_INVALID_PARAM); /* beyond its end */
	assert_int_equal(landed(0, PAGE, UINT64_MAX - PAGE + 1), FPGA_INVALID_PARAM);
	assert_int_equal(landed(0, UINT32_MAX, 0), FPGA_INVALID_PARAM);
	assert_int_equal(landed(0, PAGE, PAGE), FPGA_OK);
	assert_int_equal(landed(0, PAGE, 0), FPGA_INVALID_PARAM); /* given back already */
	assert_int_equal(device_has(0), 4);
	assert_int_equal(landed(15 * PAGE, 2 * PAGE, 2 * PAGE), FPGA_INVALID_PARAM); /* not of the buffer */
	assert_int_equal(bytes_get64(l.at + WIRE_LANDING_TAKEN), 4 * PAGE); /* but it is done with */
	for (uint64_t at = LANDING; at < 5 * LANDING; at += LANDING) {
		memset(l.at + WIRE_LANDING_HEAD, (int)(at / LANDING), PAGE);
		put_landed(0, PAGE, 1, at);
		rig_post(&r, WIRE_LANDED, h);
	}
	put_landed(0, 0, 0, 4 * LANDING + PAGE); /* the end of the group alone */
	assert_int_equal(rig_call(&r, WIRE_LANDED, h), FPGA_OK);
}

#define TEST(name, up, down) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_who_agreed_is_offered_it, up_without, down_covered),
		TEST(an_offer_is_told, up_exposed, down_covered),
		TEST(an_explicit_buffer_is_exposed_itself, up_exposed, down_covered),
		TEST(a_twin_may_only_be_read, up_exposed, down_covered),
		TEST(others_are_not, up_exposed, down_covered),
		TEST(what_was_exposed_is_covered, up_exposed, down_covered),
		TEST(a_failure_is_not_told_by_it, up_exposed, down_covered),
		TEST(a_close_covers_all, up_exposed, down_covered),
		TEST(a_landing_counts, up_small, down_covered),
		TEST(much_that_is_new_is_fetched, up_exposed, down_covered),
		TEST(what_is_being_fetched_does_not_change, up_exposed, down_covered),
		TEST(nothing_is_fetched_by_who_connects_anew, up_exposed, down_covered),
		TEST(without_an_answer_no_more_is_fetched, up_exposed, down_covered),
		TEST(what_has_landed_is_written_back, up_exposed, down_covered),
		TEST(what_has_not_landed_is_refused, up_exposed, down_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
