/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit push and pull of a remote accelerator's buffers. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/buffers-rig.h"

static void be_explicit(struct rpc_client_config *c)
{
	c->buffers_explicit = true;
}

static int up_explicit(void **state)
{
	(void)state;
	return up_with(be_explicit);
}

static void push_and_pull(const struct buffer *b)
{
	CLEANUP_FREE unsigned char *want = malloc(b->len);

	for (size_t len = 1; len <= b->len; len = len * 5 + 3) {
		size_t offset = (b->len - len) / 2;

		fill(b->at, b->len, (unsigned int)len);
		assert_int_equal(rig.t.push_buffer(h, b->wsid, offset, len), FPGA_OK);
		assert_true(device_has(b, offset, b->at + offset, len));
		fill(want, b->len, (unsigned int)len + 100);
		assert_true(fake_dma_write(b->io + offset, want, len));
		assert_int_equal(rig.t.pull_buffer(h, b->wsid, offset, len), FPGA_OK);
		assert_memory_equal(b->at + offset, want, len);
	}
}

static void explicit_parts(void **state)
{
	struct buffer b = prepare(3 * MIB + 5, 0), small = prepare(100, 0);

	(void)state;
	push_and_pull(&b);
	push_and_pull(&small);
	release(&b);
	release(&small);
}

/* Nothing travels unless it is told to. */
static void explicit_alone(void **state)
{
	struct buffer b = prepare(3 * MIB + 5, 0);
	unsigned char zeros[64] = { 0 }, seven[64];

	(void)state;
	memset(b.at, 5, 64);
	write64(BELL, 1);
	read64(BELL);
	assert_true(device_has(&b, 0, zeros, 64));
	memset(seven, 7, 64);
	assert_true(fake_dma_write(b.io + 64, seven, 64));
	read64(BELL);
	assert_memory_equal(b.at + 64, zeros, 64);
	push_and_pull(&b);
	release(&b);
}

static void parts_that_are_not(void **state)
{
	struct buffer b = prepare(4096, 0);

	(void)state;
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 4096, 0), FPGA_OK);
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 4096, 1), FPGA_INVALID_PARAM);
	assert_non_null(strstr(detail(), "1 bytes at 4096 are not inside the buffer's 4096"));
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 1, 4096), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, UINT64_MAX, 2), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 2, UINT64_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.push_buffer(h, b.wsid + 1, 0, 1), FPGA_NOT_FOUND);
	assert_int_equal(rig.t.pull_buffer(h, 0, 0, 1), FPGA_NOT_FOUND);
	release(&b);
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, 1), FPGA_NOT_FOUND);
}

/* What was pushed or pulled is known to both sides: nothing old comes back later. */
static void agree(bool alone)
{
	struct buffer b = prepare(256 * 1024, 0);
	CLEANUP_FREE unsigned char *want = malloc(b.len);

	for (unsigned int round = 0; round < 20; round++) {
		fill(b.at, b.len, round);
		assert_int_equal(rig.t.push_buffer(h, b.wsid, 0, b.len), FPGA_OK);
		memcpy(want, b.at, b.len);
		read64(BELL);
		assert_memory_equal(b.at, want, b.len);
		fill(want, b.len, round + 50);
		if (alone)
			b.at[round] = 1; /* is replaced; what is tracked might be sent before that */
		assert_true(fake_dma_write(b.io, want, b.len));
		assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, b.len), FPGA_OK);
		assert_memory_equal(b.at, want, b.len);
		want[100]++;
		assert_true(fake_dma_write(b.io + 100, want + 100, 1));
		write64(BELL, round);
		read64(BELL);
		assert_memory_equal(b.at, want, b.len);
		assert_true(device_has(&b, 0, want, b.len));
	}
	release(&b);
}

static void be_eager(struct rpc_client_config *c)
{
	c->tracker = RPC_TRACKER_EAGER;
}

static int up_eager(void **state)
{
	(void)state;
	return up_with(be_eager);
}

static void explicit_and_not_agree(void **state)
{
	(void)state;
	agree(false);
}

static void explicit_and_eager_agree(void **state)
{
	(void)state;
	agree(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(explicit_parts),
		cmocka_unit_test_setup_teardown(explicit_and_eager_agree, up_eager, down),
		cmocka_unit_test_setup_teardown(explicit_alone, up_explicit, down),
		RIGGED(parts_that_are_not),
		RIGGED(explicit_and_not_agree),
	};

	return RUN(tests);
}
