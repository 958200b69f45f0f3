/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's calls, as a peer sees them that writes and reads the frames itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/session-rig.h"

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

static void a_handle_is_opened_used_and_closed(void **state)
{
	uint64_t h = rig_open(&r, fake_accelerator_id(0), 0);

	(void)state;
	rig_put_write(&r, 0, 8, 0x40, 77);
	rig_put_write(&r, 0, 4, 0x44, 1);
	assert_int_equal(rig_call(&r, WIRE_WRITE, h), FPGA_OK);
	assert_int_equal(rig_read(&r, h, 0, 0x40), 77 | UINT64_C(1) << 32);
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_OK);
	assert_string_equal(fake.log, "open quiesce close ");
	assert_int_equal(rig_call(&r, WIRE_CLOSE, h), FPGA_INVALID_PARAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(all_is_listed),
		RIGGED(a_handle_is_opened_used_and_closed),
	};

	return RUN(tests);
}
