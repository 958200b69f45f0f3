/* SPDX-License-Identifier: BSD-3-Clause */
/* What who serves hears of a peer that is refused. */
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/session-rig.h"

#define ACCELERATOR fake_accelerator_id(0)

static struct rig r;

static int up(void **state)
{
	(void)state;
	fake_up();
	rig_new(&r);
	return 0;
}

static int down(void **state)
{
	(void)state;
	assert_int_equal(rig_end(&r), 0);
	fake_down();
	return 0;
}

static uint32_t give_rights(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	(void)props;
	return (WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE) & ~(uint32_t)WIRE_RIGHT_MMIO_WRITE;
}

static struct rpc_refusal told; /* the last */
static unsigned int times_told;

static void take_refusal(void *ctx, const struct rpc_refusal *refusal)
{
	(void)ctx;
	told = *refusal;
	times_told++;
}

static void names(const char *op, const char *what, uint64_t id)
{
	assert_int_equal(times_told, 1);
	assert_string_equal(told.op, op);
	assert_int_equal(told.right, 0);
	assert_string_equal(told.what, what);
	assert_int_equal(told.id, id);
	times_told = 0;
}

/* What a peer names and does not have, and wants and may not, is told to who serves; once, and no more. */
static void refusals_are_told(void **state)
{
	uint64_t handle, far = UINT64_C(0x7700000000);

	(void)state;
	times_told = 0;
	r.options.refused = take_refusal;
	r.options.rights = give_rights;
	r.options.first_id = 0x1234;
	rig_start(&r);
	rig_hello(&r);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	handle = rig_open(&r, ACCELERATOR, 0);
	assert_int_equal(handle >> 32, 0x1235);
	assert_int_equal(times_told, 0);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_HANDLE_PROPERTIES, far), FPGA_INVALID_PARAM);
	names("HANDLE_PROPERTIES", "handle", far);
	rig_put_write(&r, 0, 8, 0, 1);
	rig_post(&r, WIRE_WRITE, far);
	assert_int_equal(rig_call(&r, WIRE_PING, 0), FPGA_OK);
	names("WRITE", "handle", far);
	wire_put_u64(rig_body(&r), far);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, handle), FPGA_INVALID_PARAM);
	names("RELEASE", "buffer", far);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_PROPERTIES, far), FPGA_NOT_FOUND);
	names("PROPERTIES", "object", far);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_OBJECT_DESTROY, far), FPGA_INVALID_PARAM);
	names("OBJECT_DESTROY", "sysobject", far);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_RESET, handle), FPGA_NO_ACCESS);
	assert_int_equal(times_told, 1);
	assert_int_equal(told.right, WIRE_RIGHT_MMIO_WRITE);
	times_told = 0;
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_RELEASE, handle), FPGA_INVALID_PARAM); /* cut short: no id */
	assert_int_equal(times_told, 0);
}

/* Handles, buffers and sysobjects of a session are counted from where it is told. */
static void ids_begin_where_told(void **state)
{
	uint64_t handle;

	(void)state;
	r.options.first_id = 0x70000000;
	rig_start(&r);
	rig_hello(&r);
	rig_body(&r);
	assert_int_equal(rig_call(&r, WIRE_ENUMERATE, 0), FPGA_OK);
	handle = rig_open(&r, ACCELERATOR, 0);
	assert_int_equal(handle >> 32, 0x70000001);
	wire_put_u64(rig_body(&r), 4096);
	wire_put_u32(&r.out, 0);
	assert_int_equal(rig_call(&r, WIRE_PREPARE, handle), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in) >> 32, 0x70000001);
	rig_read(&r, handle, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(refusals_are_told),
		RIGGED(ids_begin_where_told),
	};

	return RUN(tests);
}
