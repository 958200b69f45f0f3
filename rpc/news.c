/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/news.h"

#include "wire/bytes.h"

#define AHEAD (WIRE_HEAD + NEWS_FIXED)

size_t news_bulk(uint32_t peer_max)
{
	size_t room = (peer_max - AHEAD) & ~(size_t)(TWIN_LINE - 1);

	return room < WIRE_BULK ? room : WIRE_BULK;
}

static void append(struct news *n, const struct twin *t, uint64_t wsid, const struct twin_run *run)
{
	unsigned char *at = n->out + n->used;
	struct wire_head head = { .size = (uint32_t)(AHEAD + run->len), .head = WIRE_HEAD,
				  .op = (uint16_t)n->op, .flags = WIRE_ONE_WAY, .object = n->handle };

	wire_head_write(at, &head);
	bytes_put64(at + WIRE_HEAD, wsid);
	bytes_put64(at + WIRE_HEAD + 8, run->at);
	bytes_put32(at + WIRE_HEAD + 16, (uint32_t)run->len);
	twin_read(t, run, at + AHEAD);
	n->used += head.size;
	n->runs++;
}

bool news_gather(struct news *n, const struct twin *t, uint64_t wsid, size_t *from, size_t end)
{
	struct twin_run run;

	while (*from < end) {
		size_t room = NEWS_ROOM - n->used, max;

		if (room < AHEAD + TWIN_LINE)
			return false;
		max = (room - AHEAD) & ~(size_t)(TWIN_LINE - 1);
		if (!twin_next(t, *from, end, max < n->bulk ? max : n->bulk,
			       n->runs < NEWS_EXACT ? TWIN_WORD : TWIN_LINE, &run)) {
			*from = end;
			return true;
		}
		append(n, t, wsid, &run);
		*from = run.at + run.len;
	}
	return true;
}
