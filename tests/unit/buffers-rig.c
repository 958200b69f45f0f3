/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/buffers-rig.h"

#include <stdlib.h>
#include <string.h>

fpga_handle h;

int up_with(void (*change)(struct rpc_client_config *c))
{
	rig_up(1, change);
	server_start(&rig.servers[0]);
	h = rig_open();
	return 0;
}

static void by_environment(struct rpc_client_config *c)
{
	const char *name = getenv("OPAE_TEST_TRACKER");

	if (name)
		c->tracker = !strcmp(name, "eager") ? RPC_TRACKER_EAGER : RPC_TRACKER_TRAP;
	c->data_rdma = getenv("OPAE_TEST_RDMA");
}

int up(void **state)
{
	(void)state;
	return up_with(by_environment);
}

int down(void **state)
{
	(void)state;
	if (h)
		assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	h = NULL;
	rig_down();
	return 0;
}

struct buffer prepare(size_t len, int flags)
{
	struct buffer b = { .len = len };
	void *at = NULL;

	assert_int_equal(rig.t.fpgaPrepareBuffer(h, len, &at, &b.wsid, flags), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetIOAddress(h, b.wsid, &b.io), FPGA_OK);
	b.at = at;
	return b;
}

void release(const struct buffer *b)
{
	if (rig.t.fpgaReleaseBuffer(h, b->wsid) != FPGA_OK)
		fail_msg("a buffer cannot be released: %s", detail());
}

void write64(uint64_t offset, uint64_t v)
{
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, offset, v), FPGA_OK);
}

uint64_t read64(uint64_t offset)
{
	uint64_t v = 0;

	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, offset, &v), FPGA_OK);
	return v;
}

void poll_memory(const unsigned char *at, uint64_t want)
{
	const uint64_t *word = (const uint64_t *)(const void *)at;
	int64_t until = clock_deadline(20 * NS_PER_S);

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != want) {
		assert_true(clock_now_ns() < until);
		clock_sleep_ns(20 * NS_PER_US);
	}
}

void fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(seed + i * 31 + (i >> 8) * 7);
}

bool device_has(const struct buffer *b, size_t offset, const void *what, size_t len)
{
	CLEANUP_FREE unsigned char *got = malloc(len);

	assert_true(fake_dma_read(b->io + offset, got, len));
	return !memcmp(got, what, len);
}
