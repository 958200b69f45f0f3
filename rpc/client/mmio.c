/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MMIO. Region, bounds and alignment are judged here, by what the server said at open; so a bad access
 * costs no round trip, and a posted write can fail only for what the server alone knows. A read is one
 * call. A write is appended to what waits (post.c), behind the content that the program changed in its
 * buffers: it may start the device.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "rpc/client/buffers.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/table.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define POLL_MORE_NS NS_PER_S /* beyond the poll's own time, and a call's: the way there and back */

/* ---- what is wrong with an access ---- */

static fpga_result bad_region(const struct remote_handle *h, uint32_t num, const char *call)
{
	return say(FPGA_INVALID_PARAM, "%s: MMIO region %u: the accelerator has %u", call, num,
		   h->num_regions);
}

static __attribute__((cold, noinline)) fpga_result bad_access(const struct remote_handle *h, uint32_t num,
							      uint64_t offset, unsigned int bytes)
{
	if (num >= h->num_regions)
		return bad_region(h, num, "MMIO access");
	if (offset % bytes)
		return say(FPGA_INVALID_PARAM, "MMIO offset 0x%llx is not a multiple of %u",
			   (unsigned long long)offset, bytes);
	return say(FPGA_INVALID_PARAM, "%u bytes at MMIO offset 0x%llx lie outside the region's 0x%llx bytes",
		   bytes, (unsigned long long)offset, (unsigned long long)h->regions[num].size);
}

static inline bool good_access(const struct remote_handle *h, uint32_t num, uint64_t offset,
			       unsigned int bytes)
{
	/* Subtraction: offsets near 2^64 must not wrap. */
	return likely(num < h->num_regions) && likely(!(offset & (bytes - 1))) &&
	       likely(h->regions[num].size >= bytes) && likely(offset <= h->regions[num].size - bytes);
}

/* ---- reads ---- */

static fpga_result read64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t *value)
{
	const struct remote_handle *h = handle;
	struct call c;
	fpga_result r;
	uint64_t v;

	if (!good_access(h, num, offset, 8))
		return bad_access(h, num, offset, 8);
	r = client_buffers_before_read(h->buffers);
	if (!likely(r == FPGA_OK))
		return r;
	call_begin(&c, h->conn, WIRE_READ64, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u64(&c.body, offset);
	r = call_run(&c);
	v = r == FPGA_OK ? wire_get_u64(&c.reply) : 0;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		*value = v;
	return r;
}

static fpga_result read32(fpga_handle handle, uint32_t num, uint64_t offset, uint32_t *value)
{
	const struct remote_handle *h = handle;
	struct call c;
	fpga_result r;
	uint32_t v;

	if (!good_access(h, num, offset, 4))
		return bad_access(h, num, offset, 4);
	r = client_buffers_before_read(h->buffers);
	if (!likely(r == FPGA_OK))
		return r;
	call_begin(&c, h->conn, WIRE_READ32, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u64(&c.body, offset);
	r = call_run(&c);
	v = r == FPGA_OK ? wire_get_u32(&c.reply) : 0;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		*value = v;
	return r;
}

static fpga_result read_piece(const struct remote_handle *h, uint32_t num, uint64_t offset, void *to,
			      uint32_t len)
{
	struct call c;
	fpga_result r = client_buffers_before_read(h->buffers);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_READ_BLOCK, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u64(&c.body, offset);
	wire_put_u32(&c.body, len);
	c.place = to;
	c.place_len = len;
	r = call_run(&c);
	if (r == FPGA_OK && c.placed != len)
		r = say_host(h->conn, FPGA_EXCEPTION, "%u bytes of registers were asked for, and %zu came",
			     len, c.placed);
	return call_end(&c, r);
}

static fpga_result read_block(fpga_handle handle, uint32_t num, uint64_t offset, void *buffer, size_t len)
{
	const struct remote_handle *h = handle;
	/* The program's may be a buffer: who reads the connection must not wait for its pages. */
	CLEANUP_FREE unsigned char *came = malloc(len < WIRE_BULK ? len : WIRE_BULK);
	fpga_result r = FPGA_OK;

	if (num >= h->num_regions)
		return bad_region(h, num, "opaex_read_mmio_block");
	if (!came && len)
		return say(FPGA_NO_MEMORY, "opaex_read_mmio_block: no memory");
	for (size_t done = 0; done < len && r == FPGA_OK;) {
		uint32_t piece = len - done < WIRE_BULK ? (uint32_t)(len - done) : WIRE_BULK;

		r = read_piece(h, num, offset + done, came, piece);
		if (r == FPGA_OK)
			memcpy((unsigned char *)buffer + done, came, piece);
		done += piece;
	}
	return r;
}

static int64_t poll_ns(uint64_t timeout_us, int64_t call_ns)
{
	if (timeout_us > (uint64_t)(INT64_MAX / 4 / NS_PER_US))
		return INT64_MAX / 2;
	return (int64_t)timeout_us * NS_PER_US + call_ns + POLL_MORE_NS;
}

static fpga_result poll_mmio(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t mask,
			     uint64_t expected, uint64_t interval_us, uint64_t timeout_us, uint64_t *value)
{
	const struct remote_handle *h = handle;
	uint32_t equal = 0;
	uint64_t v = 0;
	struct call c;
	fpga_result r;

	if (!good_access(h, num, offset, 8))
		return bad_access(h, num, offset, 8);
	r = client_buffers_before_read(h->buffers);
	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_POLL, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u64(&c.body, offset);
	wire_put_u64(&c.body, mask);
	wire_put_u64(&c.body, expected);
	wire_put_u64(&c.body, interval_us);
	wire_put_u64(&c.body, timeout_us);
	c.timeout_ns = poll_ns(timeout_us, c.timeout_ns);
	r = call_run(&c);
	if (r == FPGA_OK) {
		equal = wire_get_u32(&c.reply);
		v = wire_get_u64(&c.reply);
	}
	r = call_end(&c, r);
	if (r != FPGA_OK)
		return r;
	*value = v;
	return equal ? FPGA_OK
		     : say(FPGA_BUSY,
			   "opaex_poll_mmio: offset 0x%llx still reads 0x%llx at the end of the time",
			   (unsigned long long)offset, (unsigned long long)v);
}

/* ---- writes ---- */

static fpga_result lost(const struct remote_handle *h)
{
	return conn_check(h->conn);
}

static fpga_result release(const struct remote_handle *h, const struct post_write *write, bool *sent)
{
	unsigned char frame[POST_FRAME];
	struct iovec behind = { frame, write ? post_frame(frame, write) : 0 };

	conn_stir(h->conn);
	return client_buffers_release(h->buffers, write ? &behind : NULL, sent);
}

/*
 * Before a write: the program's content goes ahead of it. A posted one may go along with that: then it is in
 * `write`, and *sent true.
 */
static inline fpga_result prepare(const struct remote_handle *h, const struct post_write *write, bool *sent)
{
	bool content = client_buffers_any(h->buffers);

	*sent = false;
	if (__builtin_expect(h->conn->forks != client_forks(), 0))
		return lost(h);
	if (content || atomic_load_explicit(&h->conn->events, memory_order_relaxed))
		io_expect(h->conn);
	return content ? release(h, write, sent) : FPGA_OK;
}

/* Is this write to be a call that waits? Also to hear of one before that has failed: once. */
static inline bool waits(struct remote_handle *h)
{
	if (!atomic_load_explicit(&h->wrote, memory_order_relaxed))
		atomic_store_explicit(&h->wrote, true, memory_order_relaxed);
	if (likely(!atomic_load_explicit(&h->failed, memory_order_relaxed)))
		return client_config(h->client)->mmio_write_sync;
	atomic_store_explicit(&h->failed, false, memory_order_relaxed);
	return true;
}

static fpga_result write_and_wait(const struct remote_handle *h, uint32_t num, uint32_t width,
				  uint64_t offset, uint64_t value)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_WRITE, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u32(&c.body, width);
	wire_put_u64(&c.body, offset);
	wire_put_u64(&c.body, value);
	return call_end(&c, call_run(&c));
}

static inline fpga_result write_register(struct remote_handle *h, uint32_t num, uint32_t width,
					 uint64_t offset, uint64_t value)
{
	struct post_write w = { h->id, num, width, offset, value, NULL };
	bool sync, sent;
	fpga_result r;

	if (!good_access(h, num, offset, width))
		return bad_access(h, num, offset, width);
	sync = waits(h);
	if (MUTANT_write_first)
		return conn_write(h->conn, h->id, num, width, offset, value) ? lost(h)
									      : prepare(h, NULL, &sent);
	r = prepare(h, sync ? NULL : &w, &sent);
	if (!likely(r == FPGA_OK) || sent)
		return r;
	if (sync)
		return write_and_wait(h, num, width, offset, value);
	return likely(!conn_write(h->conn, h->id, num, width, offset, value)) ? FPGA_OK : lost(h);
}

static fpga_result write64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t value)
{
	return write_register(handle, num, 8, offset, value);
}

static fpga_result write32(fpga_handle handle, uint32_t num, uint64_t offset, uint32_t value)
{
	return write_register(handle, num, 4, offset, value);
}

static fpga_result write512(fpga_handle handle, uint32_t num, uint64_t offset, const void *value)
{
	struct remote_handle *h = handle;
	unsigned char copy[64]; /* the value may lie in a buffer: nobody serves its touch while we send */
	struct post_write w = { h->id, num, 64, offset, 0, copy };
	bool sync, sent;
	struct call c;
	fpga_result r;

	if (!good_access(h, num, offset, 64))
		return bad_access(h, num, offset, 64);
	memcpy(copy, value, sizeof(copy));
	sync = waits(h);
	r = prepare(h, sync ? NULL : &w, &sent);
	if (r != FPGA_OK || sent)
		return r;
	if (!sync)
		return conn_write512(h->conn, h->id, num, offset, copy) ? lost(h) : FPGA_OK;
	call_begin(&c, h->conn, WIRE_WRITE512, h->id);
	wire_put_u32(&c.body, num);
	wire_put_u64(&c.body, offset);
	wire_put_bytes(&c.body, copy, 64);
	return call_end(&c, call_run(&c));
}

/* ---- regions ---- */

static fpga_result map_mmio(fpga_handle handle, uint32_t num, uint64_t **ptr)
{
	const struct remote_handle *h = handle;

	if (num >= h->num_regions)
		return bad_region(h, num, "fpgaMapMMIO");
	if (!ptr)
		return handle_check(h); /* regions can be accessed from open to close */
	return say_host(h->conn, FPGA_NOT_SUPPORTED,
			"fpgaMapMMIO: the registers are on another machine, so there "
			"is no pointer to them; use fpgaReadMMIO and fpgaWriteMMIO");
}

static fpga_result unmap_mmio(fpga_handle handle, uint32_t num)
{
	const struct remote_handle *h = handle;

	return num < h->num_regions ? FPGA_OK : bad_region(h, num, "fpgaUnmapMMIO");
}

static fpga_result mmio_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info)
{
	const struct remote_handle *h = handle;

	if (num >= h->num_regions)
		return bad_region(h, num, "opaex_mmio_info");
	*info = h->regions[num];
	return FPGA_OK;
}

void client_fill_mmio(opae_api_adapter_table *t)
{
	t->fpgaReadMMIO64 = read64;
	t->fpgaReadMMIO32 = read32;
	t->fpgaWriteMMIO64 = write64;
	t->fpgaWriteMMIO32 = write32;
	t->fpgaWriteMMIO512 = write512;
	t->fpgaMapMMIO = map_mmio;
	t->fpgaUnmapMMIO = unmap_mmio;
	t->mmio_info = mmio_info;
	t->poll_mmio = poll_mmio;
	t->read_mmio_block = read_block;
}
