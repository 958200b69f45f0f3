/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of a tracked buffer as what the program hands to calls. Whoever touches a page that is not there
 * waits until the connection has brought it: who reads the connection, or holds what that needs, must not.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/buffers-rig.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/trap-rig.h"

#define PAGE 4096u
#define MANY 3000u /* metrics: a reply of several frames */

static void trap(struct rpc_client_config *c)
{
	c->tracker = RPC_TRACKER_TRAP;
}

static int up_trap(void **state)
{
	(void)state;
	fake_manage_reset();
	up_with(trap);
	fake_manage_fill(&fake.table);
	return 0;
}

static int down_trap(void **state)
{
	int rc = down(state);

	fake_manage_reset();
	return rc;
}

/* Memory that nobody has touched yet; it goes with the handle. */
static void *untouched(size_t len)
{
	return prepare(len, 0).at;
}

static fpga_token first_token(void)
{
	fpga_token t[8];
	uint32_t n = rig_enumerate(FPGA_ACCELERATOR, t, 8);

	assert_in_range(n, 1, 8);
	rig_destroy(t + 1, n - 1);
	return t[0];
}

/* ---- registers and buffers ---- */

static void registers(void **state)
{
	uint64_t *v64 = untouched(8), *polled = untouched(8);
	uint32_t *v32 = untouched(4);
	unsigned char *block = untouched(300 * 1024), *from = untouched(64);

	(void)state;
	write64(0x20, 0x1122334455667788);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0x20, v64), FPGA_OK);
	assert_int_equal(*v64, 0x1122334455667788);
	assert_int_equal(rig.t.fpgaReadMMIO32(h, 0, 0x20, v32), FPGA_OK);
	assert_int_equal(*v32, 0x55667788);
	assert_int_equal(rig.t.read_mmio_block(h, 0, 0, block, FAKE_FAILS), FPGA_OK);
	assert_int_equal(block[0x27], 0x11);
	assert_int_equal(rig.t.poll_mmio(h, 0, 0x20, 0xff, 0x88, 1, 1000, polled), FPGA_OK);
	assert_int_equal(*polled, 0x1122334455667788);
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0x40, from), FPGA_OK);
	assert_int_equal(read64(0x40), 0);
}

static void buffers(void **state)
{
	uint64_t *wsid = untouched(8), *io = untouched(8), *len = untouched(8);
	void **at = untouched(sizeof(*at)), **info = untouched(sizeof(*info));

	(void)state;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 3 * PAGE, at, wsid, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetIOAddress(h, *wsid, io), FPGA_OK);
	assert_true(fake_dma_write(*io, "there", 6));
	assert_string_equal(*at, "there");
	assert_int_equal(rig.t.get_ws_info(h, *wsid, io, info, len), FPGA_OK);
	assert_ptr_equal(*info, *at);
	assert_int_equal(*len, 3 * PAGE);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, *wsid), FPGA_OK);
}

/* ---- tokens, errors, objects, clocks, bitstreams ---- */

static void tokens_and_errors(void **state)
{
	fpga_token *tokens = untouched(8 * sizeof(*tokens));
	uint32_t *num = untouched(4);
	uint64_t *error = untouched(8);
	struct fpga_error_info *info = untouched(sizeof(*info));
	fpga_handle *other = untouched(sizeof(*other));

	(void)state;
	fake_manage.errors[1] = 77;
	assert_int_equal(rig.t.enumerate(rig.client, NULL, 0, tokens, 8, num), FPGA_OK);
	assert_int_equal(*num, 4);
	assert_int_equal(rig.t.fpgaReadError(tokens[0], 1, error), FPGA_OK);
	assert_int_equal(*error, 77);
	assert_int_equal(rig.t.fpgaGetErrorInfo(tokens[0], 1, info), FPGA_OK);
	assert_string_equal(info->name, "second");
	assert_int_equal(rig.t.fpgaOpen(tokens[2], other, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(*other), FPGA_OK);
	rig_destroy(tokens, 4);
}

static void objects(void **state)
{
	fpga_token token = first_token();
	fpga_object *o = untouched(sizeof(*o));
	char *name = untouched(5);
	uint8_t *content = untouched(FAKE_LONG);
	uint64_t *number = untouched(8);
	uint32_t *size = untouched(4);

	(void)state;
	assert_int_equal(rig.t.fpgaTokenGetObject(token, "long", o, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaObjectGetSize(*o, size, 0), FPGA_OK);
	assert_int_equal(*size, FAKE_LONG);
	assert_int_equal(rig.t.fpgaObjectRead(*o, content, 0, FAKE_LONG, 0), FPGA_OK);
	for (unsigned int i = 0; i < FAKE_LONG; i++)
		assert_int_equal(content[i], (uint8_t)(i * 7));
	assert_int_equal(rig.t.fpgaDestroyObject(o), FPGA_OK);
	fake_manage.num = 5;
	memcpy(name, "num", 4);
	assert_int_equal(rig.t.fpgaTokenGetObject(token, name, o, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaObjectRead64(*o, number, 0), FPGA_OK);
	assert_int_equal(*number, 5);
	assert_int_equal(rig.t.fpgaDestroyObject(o), FPGA_OK);
	rig_destroy(&token, 1);
}

static void clocks_and_bitstreams(void **state)
{
	uint64_t *high = untouched(8), *low = untouched(8);
	struct buffer bits = prepare(400 * 1024, 0);

	(void)state;
	assert_int_equal(rig.t.fpgaSetUserClock(h, 300, 150, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetUserClock(h, high, low, 0), FPGA_OK);
	assert_int_equal(*high, 300000000);
	assert_int_equal(*low, 150000000);
	for (size_t i = 0; i < bits.len; i += PAGE)
		assert_true(fake_dma_write(bits.io + i, &(uint64_t){ i + 1 }, 8));
	assert_int_equal(rig.t.fpgaReconfigureSlot(h, 0, bits.at, bits.len, 0), FPGA_OK);
	assert_int_equal(fake_manage.bitstream_len, bits.len);
	assert_memory_equal(fake_manage.bitstream, bits.at, bits.len);
}

/* ---- metrics ---- */

static void metrics(void **state)
{
	fpga_metric_info *info = untouched(MANY * sizeof(*info));
	metric_threshold *limits = untouched(MANY * sizeof(*limits));
	uint64_t *num = untouched(8);
	uint32_t *num_limits = untouched(4);

	(void)state;
	fake_manage.num_metrics = fake_manage.num_limits = MANY;
	assert_int_equal(rig.t.fpgaGetNumMetrics(h, num), FPGA_OK);
	assert_int_equal(*num, MANY);
	if (rig.t.fpgaGetMetricsInfo(h, info, num) != FPGA_OK)
		fail_msg("no infos: %s", detail());
	assert_int_equal(*num, MANY);
	assert_string_equal(info[MANY - 1].metric_name, "metric2999");
	*num_limits = MANY;
	if (rig.t.fpgaGetMetricsThresholdInfo(h, limits, num_limits) != FPGA_OK)
		fail_msg("no limits: %s", detail());
	assert_int_equal(*num_limits, MANY);
	assert_string_equal(limits[MANY - 1].metric_name, "metric2999");
}

static void values_of_metrics(void **state)
{
	fpga_metric *values = untouched(MANY * sizeof(*values));
	uint64_t *wanted = untouched(MANY * sizeof(*wanted));
	struct buffer text = prepare(2 * PAGE, 0);
	char **names = untouched(2 * sizeof(*names));

	(void)state;
	fake_manage.num_metrics = MANY;
	assert_int_equal(rig.t.fpgaGetMetricsByIndex(h, wanted, MANY, values), FPGA_OK);
	assert_int_equal(values[MANY - 1].isvalid, 1);
	assert_true(fake_dma_write(text.io, "metric2", 8) && fake_dma_write(text.io + PAGE, "metric5", 8));
	names[0] = (char *)text.at;
	names[1] = (char *)text.at + PAGE;
	values = untouched(2 * sizeof(*values));
	assert_int_equal(rig.t.fpgaGetMetricsByName(h, names, 2, values), FPGA_OK);
	assert_int_equal(values[0].value.ivalue, 6);
	assert_int_equal(values[1].value.ivalue, 15);
}

/* ---- events ---- */

static void events(void **state)
{
	fpga_event_handle *e = untouched(sizeof(*e));
	int *fd = untouched(sizeof(*fd));
	uint64_t *count = untouched(8);

	(void)state;
	assert_int_equal(rig.t.create_event(rig.client, e), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetOSObjectFromEventHandle(*e, fd), FPGA_OK);
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, *e, 0), FPGA_OK);
	write64(FAKE_FIRE, 3);
	assert_int_equal(read(*fd, count, 8), 8);
	assert_in_range(*count, 1, 3);
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, *e), FPGA_OK);
	assert_int_equal(rig.t.fpgaDestroyEventHandle(e), FPGA_OK);
}

#define TRAP(f) cmocka_unit_test_setup_teardown(f, up_trap, down_trap)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRAP(registers), TRAP(buffers), TRAP(tokens_and_errors), TRAP(objects),
		TRAP(clocks_and_bitstreams), TRAP(metrics), TRAP(values_of_metrics), TRAP(events),
	};

	return trap_missing() ? 0 : RUN(tests);
}
