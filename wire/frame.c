/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/frame.h"

#include <errno.h>

#include "wire/bytes.h"

void wire_head_write(unsigned char at[WIRE_HEAD], const struct wire_head *h)
{
	bytes_put32(at, h->size);
	bytes_put16(at + 4, WIRE_HEAD);
	bytes_put16(at + 6, h->op);
	bytes_put32(at + 8, h->flags);
	bytes_put32(at + 12, h->id);
	bytes_put64(at + 16, h->object);
	bytes_put32(at + 24, h->budget);
	bytes_put32(at + 28, h->error);
}

int wire_head_read(const unsigned char at[WIRE_HEAD], uint32_t max_frame, struct wire_head *ret)
{
	struct wire_head h = {
		.size = bytes_get32(at),
		.head = bytes_get16(at + 4),
		.op = bytes_get16(at + 6),
		.flags = bytes_get32(at + 8),
		.id = bytes_get32(at + 12),
		.object = bytes_get64(at + 16),
		.budget = bytes_get32(at + 24),
		.error = bytes_get32(at + 28),
	};
	uint32_t must = h.flags & WIRE_FLAGS_MUST;

	if (h.head < WIRE_HEAD || h.head > WIRE_HEAD_MAX || h.size < h.head)
		return -EPROTO;
	if (h.size > max_frame)
		return -EMSGSIZE;
	if (must & ~(uint32_t)(WIRE_REPLY | WIRE_ONE_WAY | WIRE_MORE))
		return -EPROTO;
	if ((must & WIRE_REPLY && must & WIRE_ONE_WAY) || (must & WIRE_MORE && !(must & WIRE_REPLY)))
		return -EPROTO;
	*ret = h;
	return 0;
}
