/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/held-rig.h"

#include <string.h>

#include "tests/unit/check.h"

struct rig r;
uint64_t h, wsid, io;
struct rpc_counts counts;

static int begin(bool watch)
{
	fake_up();
	rig_new(&r);
	r.features = WIRE_FEATURE_TRACKED;
	r.options.no_watch = !watch;
	memset(&counts, 0, sizeof(counts));
	r.options.counts = &counts;
	rig_start(&r);
	rig_hello(&r);
	h = rig_open(&r, fake_accelerator_id(0), 0);
	return 0;
}

int up(void **state)
{
	(void)state;
	return begin(false);
}

int up_watched(void **state)
{
	(void)state;
	return begin(true);
}

int down(void **state)
{
	(void)state;
	rig_end(&r);
	fake_down();
	return 0;
}

/* ---- what is said ---- */

fpga_result try_prepare(uint64_t len, uint32_t flags)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u64(w, len);
	wire_put_u32(w, flags);
	return rig_call(&r, WIRE_PREPARE, h);
}

void prepare(uint64_t len, uint32_t flags)
{
	assert_int_equal(try_prepare(len, flags), FPGA_OK);
	wsid = wire_get_u64(&r.reply.in);
	io = wire_get_u64(&r.reply.in);
}

void put_part(uint64_t offset, uint64_t len, uint64_t seen)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u64(w, wsid);
	wire_put_u64(w, offset);
	wire_put_u64(w, len);
	wire_put_u64(w, seen);
}

fpga_result hold(uint64_t offset, uint64_t len, uint64_t seen)
{
	put_part(offset, len, seen);
	return rig_call(&r, WIRE_HOLD, h);
}

void held(uint64_t offset, uint64_t len, uint64_t seen)
{
	assert_int_equal(hold(offset, len, seen), FPGA_OK);
	assert_int_equal(wire_get_u64(&r.reply.in), len);
}

fpga_result drop(uint64_t offset, uint64_t len, uint64_t seen)
{
	put_part(offset, len, seen);
	return rig_call(&r, WIRE_DROP, h);
}

void put_back_more(uint64_t offset, uint64_t seen, uint32_t more, const void *data, size_t len)
{
	struct wire_writer *w = rig_body(&r);

	wire_put_u64(w, wsid);
	wire_put_u64(w, offset);
	wire_put_u64(w, seen);
	wire_put_u32(w, more);
	wire_put_bytes(w, data, len);
}

void put_back(uint64_t offset, uint64_t seen, const void *data, size_t len)
{
	put_back_more(offset, seen, 0, data, len);
}

fpga_result write_back(uint64_t offset, uint64_t seen, const void *data, size_t len)
{
	put_back(offset, seen, data, len);
	return rig_call(&r, WIRE_WRITEBACK, h);
}

void device(uint64_t offset, const void *data, size_t len)
{
	assert_true(fake_dma_write(io + offset, data, len));
}

void device_byte(uint64_t offset, unsigned char byte)
{
	device(offset, &byte, 1);
}

unsigned char device_has(uint64_t offset)
{
	unsigned char byte;

	assert_true(fake_dma_read(io + offset, &byte, 1));
	return byte;
}

void look(void)
{
	rig_read(&r, h, 0, 0);
}

/* ---- what is told ---- */

struct rig_frame told(uint16_t op)
{
	assert_true(r.num_pushes);
	assert_int_equal(r.pushes[0].head.op, op);
	return rig_await_push(&r, op);
}

void told_data(uint64_t id, uint64_t offset, const void *data, size_t len)
{
	struct rig_frame f = told(WIRE_DATA);
	const void *got;
	size_t n;

	assert_int_equal(f.head.object, h);
	assert_int_equal(wire_get_u64(&f.in), id);
	assert_int_equal(wire_get_u64(&f.in), offset);
	got = wire_get_bytes(&f.in, &n);
	assert_int_equal(n, len);
	assert_memory_equal(got, data, len);
	rig_frame_free(&f);
}

void told_byte(uint64_t offset, unsigned char byte)
{
	told_data(wsid, offset, &byte, 1);
}

void told_stale(uint64_t offset, uint64_t len)
{
	struct rig_frame f = told(WIRE_STALE);

	assert_int_equal(wire_get_u64(&f.in), wsid);
	assert_int_equal(wire_get_u64(&f.in), offset);
	assert_int_equal(wire_get_u64(&f.in), len);
	rig_frame_free(&f);
}

void told_cut(uint64_t number)
{
	struct rig_frame f = told(WIRE_CUT);

	assert_int_equal(wire_get_u64(&f.in), number);
	rig_frame_free(&f);
}

void told_nothing(void)
{
	assert_int_equal(r.num_pushes, 0);
}

uint64_t forget_pushes(uint16_t op)
{
	uint64_t num = 0;

	for (unsigned int i = 0; i < r.num_pushes; i++) {
		num += r.pushes[i].head.op == op;
		rig_frame_free(&r.pushes[i]);
	}
	r.num_pushes = 0;
	return num;
}
