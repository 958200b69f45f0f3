/* SPDX-License-Identifier: BSD-3-Clause */
/* The remote client against servers whose HELLO, or whose list of devices, makes no sense. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/client/conn.h"
#include "tests/unit/client-rig.h"
#include "wire/bytes.h"
#include "wire/ops.h"
#include "wire/props.h"

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

static uint32_t count(void)
{
	fpga_token t[16];
	uint32_t n = rig_enumerate(-1, t, 16);

	rig_destroy(t, n < 16 ? n : 16);
	return n;
}

static void refuse(struct rpc_link *l)
{
	struct rpc_frame f;

	if (script_next(l, &f))
		script_fail(l, &f.head, FPGA_NOT_SUPPORTED, "speaks version 9 alone");
}

static void test_hello_is_refused(void **state)
{
	(void)state;
	rig.servers[0].script = refuse;
	server_start(&rig.servers[0]);
	assert_int_equal(count(), 0);
	assert_non_null(strstr(detail(), "host0: speaks version 9 alone"));
}

static void hello_with(struct rpc_link *l, uint16_t version, uint32_t frame, uint32_t calls)
{
	unsigned char body[64];
	struct wire_writer w;
	struct rpc_frame f;

	if (!script_next(l, &f))
		return;
	wire_writer_init(&w, body, sizeof(body), NULL);
	wire_put_u16(&w, version);
	wire_put_u64(&w, 0);
	wire_put_u32(&w, frame);
	wire_put_u32(&w, calls);
	wire_put_text(&w, "");
	wire_put_text(&w, "");
	wire_put_text(&w, "");
	script_reply(l, &f.head, body, w.len);
	script_next(l, &f);
}

static void hello_version(struct rpc_link *l)
{
	hello_with(l, 2, WIRE_FRAME_MAX, 64);
}

static void hello_frame(struct rpc_link *l)
{
	hello_with(l, WIRE_VERSION, 0, 64);
}

static void hello_calls(struct rpc_link *l)
{
	hello_with(l, WIRE_VERSION, WIRE_FRAME_MAX, 0);
}

static void test_hello_makes_no_sense(void **state)
{
	static void (*const hellos[])(struct rpc_link *) = { hello_version, hello_frame, hello_calls };

	(void)state;
	for (int i = 0; i < 3; i++) {
		rig.servers[0].script = hellos[i];
		server_start(&rig.servers[0]);
		assert_int_equal(count(), 0);
		assert_non_null(strstr(detail(), "are needed"));
		server_stop(&rig.servers[0]);
	}
}

static void (*list_body)(struct wire_writer *w);

static void list(struct rpc_link *l)
{
	static unsigned char body[WIRE_FRAME_MAX];
	struct wire_writer w;
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f)) {
		wire_writer_init(&w, body, sizeof(body) - WIRE_HEAD, NULL);
		list_body(&w);
		script_reply(l, &f.head, body, w.len);
	}
}

static void put_object(struct wire_writer *w, uint64_t id, fpga_objtype type)
{
	struct opae_props p = { .valid = OPAE_PROP_OBJTYPE, .objtype = type };

	wire_put_u64(w, id);
	wire_put_u64(w, 0);
	wire_put_props(w, &p);
}

static void check_list(void (*body)(struct wire_writer *w), uint32_t n, const char *why)
{
	list_body = body;
	rig.servers[0].script = list;
	server_start(&rig.servers[0]);
	assert_int_equal(count(), n);
	if (!strstr(detail(), why))
		fail_msg("\"%s\" does not say \"%s\"", detail(), why);
}

static void put_odd_type(struct wire_writer *w)
{
	put_object(w, 1, (fpga_objtype)9);
}

static void test_a_list_with_odd_properties(void **state)
{
	(void)state;
	check_list(put_odd_type, 0, "too short");
}

static void put_id_0(struct wire_writer *w)
{
	put_object(w, 0, FPGA_DEVICE);
}

static void test_a_list_with_the_id_0(void **state)
{
	(void)state;
	check_list(put_id_0, 0, "makes no sense");
}

static void put_twins(struct wire_writer *w)
{
	put_object(w, 5, FPGA_DEVICE);
	put_object(w, 5, FPGA_ACCELERATOR);
}

static void test_a_list_with_one_object_twice(void **state)
{
	(void)state;
	check_list(put_twins, 1, "");
}

static void endless(struct rpc_link *l)
{
	static unsigned char body[WIRE_FRAME_MAX];
	struct wire_writer w;
	struct rpc_frame f;
	uint64_t id = 1;

	script_hello(l);
	if (!script_next(l, &f))
		return;
	for (;;) {
		struct wire_head head = { .op = WIRE_ENUMERATE,
					  .flags = WIRE_REPLY | WIRE_MORE,
					  .id = f.head.id };

		wire_writer_init(&w, body, sizeof(body) - WIRE_HEAD, NULL);
		while (w.len < 60000)
			put_object(&w, id++, FPGA_DEVICE);
		if (rpc_link_send(l, &head, body, w.len, NULL, 0, SOON))
			return;
	}
}

static void test_a_list_without_an_end(void **state)
{
	(void)state;
	rig.servers[0].script = endless;
	server_start(&rig.servers[0]);
	assert_int_equal(count(), 0);
	assert_non_null(strstr(detail(), "host0: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_hello_is_refused),
		RIGGED(test_hello_makes_no_sense),
		RIGGED(test_a_list_with_odd_properties),
		RIGGED(test_a_list_with_the_id_0),
		RIGGED(test_a_list_with_one_object_twice),
		RIGGED(test_a_list_without_an_end),
	};

	return RUN(tests);
}
