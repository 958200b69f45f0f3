/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers. What the device wrote into buffers before a register was read is told ahead of the reply; a
 * write counts as what starts the device. Speed matters here more than elsewhere: see dispatch.c.
 */
#include "rpc/server/session.h"

#include <inttypes.h>
#include <string.h>

#include "rpc/server/buffers.h"
#include "wire/bytes.h"

#define WRITE_GROUP 24u /* u region, u width, t offset, t value */

fpga_result serve_READ64(struct rpc_session *s, struct request *q)
{
	uint32_t region = wire_get_u32(&q->in);
	uint64_t offset = wire_get_u64(&q->in), value = 0;
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = s->table->fpgaReadMMIO64(q->handle->handle, region, offset, &value);
	buffers_tell(q->handle->buffers);
	wire_put_u64(&q->out, value);
	return r;
}

fpga_result serve_READ32(struct rpc_session *s, struct request *q)
{
	uint32_t region = wire_get_u32(&q->in), value = 0;
	uint64_t offset = wire_get_u64(&q->in);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = s->table->fpgaReadMMIO32(q->handle->handle, region, offset, &value);
	buffers_tell(q->handle->buffers);
	wire_put_u32(&q->out, value);
	return r;
}

/* The reason, with what was to be written in front: who posted it does not know which one failed. */
static fpga_result write_failed(struct rpc_session *s, struct request *q, fpga_result r, uint32_t region,
				uint64_t offset, uint64_t value)
{
	const char *why = q->why[0] || !s->served->detail ? "" : s->served->detail();

	if (q->why[0]) /* the first one is told */
		return r;
	return request_fail(q, r, "write to region %u, offset 0x%" PRIx64 ", value 0x%" PRIx64 ": %s", region,
			    offset, value, why ? why : "");
}

static fpga_result write_one(struct rpc_session *s, struct request *q, const unsigned char *group)
{
	fpga_handle h = q->handle->handle;
	uint32_t region = bytes_get32(group), width = bytes_get32(group + 4);
	uint64_t offset = bytes_get64(group + 8), value = bytes_get64(group + 16);
	fpga_result r = FPGA_INVALID_PARAM;

	if (width == 8)
		r = s->table->fpgaWriteMMIO64(h, region, offset, value);
	else if (width == 4 && value <= UINT32_MAX)
		r = s->table->fpgaWriteMMIO32(h, region, offset, (uint32_t)value);
	else if (!q->why[0])
		return request_fail(q, r, "write to region %u, offset 0x%" PRIx64 ", value 0x%" PRIx64
				    ": a width of %u bytes does not go", region, offset, value, width);
	return r == FPGA_OK ? r : write_failed(s, q, r, region, offset, value);
}

/*
 * Each is carried out, also after one that failed, as if each had been posted in a frame of its own: how many
 * meet in one frame is chance. Read by hand, for a batch is up to 85 of them.
 */
fpga_result serve_WRITE(struct rpc_session *s, struct request *q)
{
	fpga_result first = FPGA_OK;

	if (!q->in.room || q->in.room % WRITE_GROUP)
		return request_bad(q);
	for (size_t at = 0; at < q->in.room; at += WRITE_GROUP) {
		fpga_result r = write_one(s, q, q->in.at + at);

		if (first == FPGA_OK)
			first = r;
	}
	buffers_started(q->handle->buffers);
	return first;
}

fpga_result serve_WRITE512(struct rpc_session *s, struct request *q)
{
	uint32_t region = wire_get_u32(&q->in);
	uint64_t offset = wire_get_u64(&q->in);
	size_t len;
	const void *bytes = wire_get_bytes(&q->in, &len);
	unsigned char line[64];
	fpga_result r;

	if (q->in.bad || len != sizeof(line))
		return request_bad(q);
	memcpy(line, bytes, sizeof(line));
	r = s->table->fpgaWriteMMIO512(q->handle->handle, region, offset, line);
	buffers_started(q->handle->buffers);
	return r == FPGA_OK ? r : write_failed(s, q, r, region, offset, bytes_get64(line));
}

fpga_result serve_READ_BLOCK(struct rpc_session *s, struct request *q)
{
	uint32_t region = wire_get_u32(&q->in);
	uint64_t offset = wire_get_u64(&q->in);
	uint32_t len = wire_get_u32(&q->in);
	fpga_result r;
	void *room;

	if (q->in.bad)
		return request_bad(q);
	if (!len || len % 8 || len > WIRE_BULK)
		return request_fail(q, FPGA_INVALID_PARAM,
				    "READ_BLOCK of %u bytes: a multiple of 8 up to %u is read at once", len,
				    WIRE_BULK);
	room = wire_put_bytes_room(&q->out, len);
	if (!room)
		return FPGA_OK; /* and the reply is found to be too long */
	r = s->table->read_mmio_block(q->handle->handle, region, offset, room, len);
	buffers_tell(q->handle->buffers);
	return r;
}
