/* SPDX-License-Identifier: BSD-3-Clause */
/* Servers that do not keep to the protocol: each call ends with a reason, and nothing is read past an end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/client/conn.h"
#include "tests/unit/client-rig.h"
#include "wire/bytes.h"
#include "wire/ops.h"
#include "wire/props.h"

#define SHORT_NS (200 * NS_PER_MS)
#define LONG_NS (20 * NS_PER_S)
#define SOON clock_deadline(20 * NS_PER_S)

static int up(void **state)
{
	(void)state;
	rig_up(1, NULL);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down();
	return 0;
}

/* What is said to a READ64, after a fine beginning. */
static void (*answer)(struct rpc_link *l, const struct wire_head *to);

static void script(struct rpc_link *l)
{
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f))
		if (f.head.op == WIRE_READ64)
			answer(l, &f.head);
		else if (!script_usual(l, &f) && f.head.id)
			script_reply(l, &f.head, NULL, 0);
}

static void say_value(struct rpc_link *l, const struct wire_head *to)
{
	unsigned char body[8];

	bytes_put64(body, 42);
	script_reply(l, to, body, sizeof(body));
}

static void serve(void (*first)(struct rpc_link *l, const struct wire_head *to))
{
	answer = first;
	rig.servers[0].script = script;
	server_start(&rig.servers[0]);
}

static void say_wrong_id(struct rpc_link *l, const struct wire_head *to);

/* One read fails for this reason; with `whole` the next one, which is answered well, does not. */
static void check_read(void (*first)(struct rpc_link *l, const struct wire_head *to), const char *why,
		       bool whole)
{
	fpga_handle h;
	uint64_t v = 7;

	serve(first);
	h = rig_open();
	if (first == say_wrong_id)
		rig_set_patience(h, SHORT_NS);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(v, 7);
	assert_non_null(strstr(detail(), "host0: "));
	if (!strstr(detail(), why))
		fail_msg("\"%s\" does not say \"%s\"", detail(), why);
	answer = say_value;
	rig_set_patience(h, LONG_NS);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), whole ? FPGA_OK : FPGA_EXCEPTION);
	assert_int_equal(v, whole ? 42 : 7);
	assert_int_equal(rig.t.fpgaClose(h), whole ? FPGA_OK : FPGA_EXCEPTION);
}

static void say_short(struct rpc_link *l, const struct wire_head *to)
{
	script_reply(l, to, "1234567", 7);
}

static void test_a_short_body(void **state)
{
	(void)state;
	check_read(say_short, "too short", true);
}

static void say_wrong_id(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head other = *to;

	other.id += WIRE_CALLS_MAX;
	say_value(l, &other);
	other.id = to->id + 1;
	say_value(l, &other);
}

static void test_a_wrong_id(void **state)
{
	(void)state;
	check_read(say_wrong_id, "no answer to READ64", true);
}

static void say_other_op(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head other = *to;

	other.op = WIRE_READ32;
	say_value(l, &other);
}

static void test_another_message(void **state)
{
	(void)state;
	check_read(say_other_op, "does not keep to the protocol", false);
}

static void say_odd_result(struct rpc_link *l, const struct wire_head *to)
{
	script_fail(l, to, 1000, "a result that there is not");
}

static void test_an_odd_result(void **state)
{
	(void)state;
	check_read(say_odd_result, "makes no sense", true);
}

static void say_more(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head head = { .op = to->op, .flags = WIRE_REPLY | WIRE_MORE, .id = to->id };

	rpc_link_send(l, &head, "12345678", 8, NULL, 0, SOON);
}

static void test_a_reply_in_parts_that_has_none(void **state)
{
	(void)state;
	check_read(say_more, "makes no sense", true);
}

static void say_terminal(struct rpc_link *l, const struct wire_head *to)
{
	script_fail(l, to, FPGA_EXCEPTION, "\x1b[31mred\nline");
}

static void test_a_reason_is_plain(void **state)
{
	(void)state;
	check_read(say_terminal, "host0:  [31mred line", true);
}

static void say_no_reason(struct rpc_link *l, const struct wire_head *to)
{
	script_fail(l, to, FPGA_EXCEPTION, "");
}

static void test_no_reason(void **state)
{
	(void)state;
	check_read(say_no_reason, "gave no reason", true);
}

static void say_broken_reason(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head head = { .op = to->op, .flags = WIRE_REPLY, .id = to->id, .budget = FPGA_EXCEPTION };

	rpc_link_send(l, &head, "\xff\xff\xff", 3, NULL, 0, SOON);
}

static void test_a_broken_reason(void **state)
{
	(void)state;
	check_read(say_broken_reason, "gave no reason", true);
}

static void say_junk(struct rpc_link *l, const struct wire_head *to)
{
	struct iovec iov = { (void *)(uintptr_t)"HTTP/1.0 400 Bad Request\r\n\r\n....", 32 };

	(void)to;
	rpc_link_send_iov(l, &iov, 1, SOON);
}

static void test_junk(void **state)
{
	(void)state;
	check_read(say_junk, "does not keep to the protocol", false);
}

static void say_too_long(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head head = { .size = 0xffffffff, .op = to->op, .flags = WIRE_REPLY, .id = to->id };
	unsigned char at[WIRE_HEAD];
	struct iovec iov = { at, sizeof(at) };

	wire_head_write(at, &head);
	rpc_link_send_iov(l, &iov, 1, SOON);
}

static void test_an_oversize_frame(void **state)
{
	(void)state;
	check_read(say_too_long, "does not keep to the protocol", false);
}

static void say_request(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head head = { .op = WIRE_READ64, .id = to->id };

	rpc_link_send(l, &head, NULL, 0, NULL, 0, SOON);
}

static void test_a_request_of_the_servers(void **state)
{
	(void)state;
	check_read(say_request, "does not keep to the protocol", false);
}

static void push(struct rpc_link *l, uint16_t op, uint64_t object, const void *body, size_t len)
{
	struct wire_head head = { .op = op, .flags = WIRE_ONE_WAY, .object = object };

	rpc_link_send(l, &head, body, len, NULL, 0, SOON);
}

static void say_unsolicited(struct rpc_link *l, const struct wire_head *to)
{
	unsigned char body[16] = { 1 };

	push(l, WIRE_EVENT, 99, body, sizeof(body));	       /* of no handle */
	push(l, WIRE_EVENT, to->object, body, sizeof(body));   /* of no event */
	push(l, WIRE_PROGRESS, to->object, body, sizeof(body));
	push(l, 999, to->object, body, sizeof(body)); /* of a later version */
	say_value(l, to);
}

static void test_pushes_that_nobody_asked_for(void **state)
{
	fpga_handle h;
	uint64_t v;

	(void)state;
	serve(say_unsolicited);
	h = rig_open();
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
	assert_int_equal(v, 42);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void say_short_event(struct rpc_link *l, const struct wire_head *to)
{
	push(l, WIRE_EVENT, to->object, "123", 3);
}

static void test_a_short_push(void **state)
{
	(void)state;
	check_read(say_short_event, "does not keep to the protocol", false);
}

static void say_short_change(struct rpc_link *l, const struct wire_head *to)
{
	(void)to;
	push(l, WIRE_CHANGED, 7, "12345678901234", 14);
}

static void test_a_short_change(void **state)
{
	(void)state;
	check_read(say_short_change, "does not keep to the protocol", false);
}

static void say_half(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head head = { .size = WIRE_HEAD + 8, .op = to->op, .flags = WIRE_REPLY, .id = to->id };
	unsigned char at[WIRE_HEAD];
	struct iovec iov = { at, sizeof(at) };

	wire_head_write(at, &head);
	rpc_link_send_iov(l, &iov, 1, SOON);
	rpc_link_break(l, -ECANCELED);
}

static void test_the_end_in_the_middle_of_a_frame(void **state)
{
	(void)state;
	check_read(say_half, "the server has closed the connection", false);
}

/* A stream of replies that nobody waits for holds no caller beyond its deadline. */
static void say_for_ever(struct rpc_link *l, const struct wire_head *to)
{
	struct wire_head other = *to;

	other.id += WIRE_CALLS_MAX;
	while (!atomic_load(&l->broken))
		say_value(l, &other);
}

static void test_a_flood(void **state)
{
	fpga_handle h;
	uint64_t v;

	(void)state;
	serve(say_for_ever);
	h = rig_open();
	rig_set_patience(h, SHORT_NS);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "no answer to READ64"));
	conn_break(((struct remote_handle *)h)->conn, -ECANCELED);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
}

/* A block of registers shorter or longer than what was asked for. */
static uint32_t block_says, block_brings;

static void say_block(struct rpc_link *l)
{
	static unsigned char body[4 + 256];
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f)) {
		bytes_put32(body, block_says);
		if (f.head.op == WIRE_READ_BLOCK)
			script_reply(l, &f.head, body, 4 + block_brings);
		else if (!script_usual(l, &f))
			script_reply(l, &f.head, NULL, 0);
	}
}

static void test_blocks_of_a_wrong_length(void **state)
{
	static const uint32_t odd[][2] = { { 56, 56 }, { 72, 72 }, { 64, 56 }, { UINT32_MAX, 64 }, { 0, 0 } };
	struct {
		unsigned char at[64], after[64];
	} to;
	unsigned char zeros[64] = { 0 };
	fpga_handle h;

	(void)state;
	memset(&to, 0, sizeof(to));
	rig.servers[0].script = say_block;
	server_start(&rig.servers[0]);
	h = rig_open();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		block_says = odd[i][0];
		block_brings = odd[i][1];
		assert_int_equal(rig.t.read_mmio_block(h, 0, 0, to.at, 64), FPGA_EXCEPTION);
	}
	assert_memory_equal(to.after, zeros, 64);
	block_says = block_brings = 64;
	assert_int_equal(rig.t.read_mmio_block(h, 0, 0, to.at, 64), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_a_short_body),
		RIGGED(test_a_wrong_id),
		RIGGED(test_another_message),
		RIGGED(test_an_odd_result),
		RIGGED(test_a_reply_in_parts_that_has_none),
		RIGGED(test_a_reason_is_plain),
		RIGGED(test_no_reason),
		RIGGED(test_a_broken_reason),
		RIGGED(test_junk),
		RIGGED(test_an_oversize_frame),
		RIGGED(test_a_request_of_the_servers),
		RIGGED(test_pushes_that_nobody_asked_for),
		RIGGED(test_a_short_push),
		RIGGED(test_a_short_change),
		RIGGED(test_the_end_in_the_middle_of_a_frame),
		RIGGED(test_a_flood),
		RIGGED(test_blocks_of_a_wrong_length),
	};

	return RUN(tests);
}
