/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/news.h"

#include "base/mutant.h"
#include "wire/bytes.h"

#define AHEAD (WIRE_HEAD + NEWS_FIXED)

size_t news_bulk(uint32_t peer_max)
{
	size_t room = (peer_max - AHEAD) & ~(size_t)(TWIN_LINE - 1);

	return room < WIRE_BULK ? room : WIRE_BULK;
}

/* Has some of it been put aside before? */
static bool is_late(const struct news *n, uint64_t wsid, const struct twin_run *run)
{
	for (size_t at = 0; at < n->late_used; at += bytes_get32(n->late + at)) {
		const unsigned char *body = n->late + at + WIRE_HEAD;
		uint64_t from = bytes_get64(body + 8), to = from + bytes_get32(body + 16);

		if (bytes_get64(body) == wsid && from < run->at + run->len && run->at < to)
			return true;
	}
	return false;
}

/* May it be a flag? The end of a long run that is being written, found a pass later, is as short. */
static bool is_flag(const struct news *n, uint64_t wsid, const struct twin_run *run)
{
	bool goes_on = n->bulk_wsid == wsid && run->at + TWIN_WORD > n->bulk_end &&
		       run->at < n->bulk_end + NEWS_SHORT;

	return n->late && run->len <= NEWS_SHORT && !goes_on;
}

/* Where it goes: what may be a flag behind all others, as long as there is room. */
static unsigned char *place(struct news *n, uint64_t wsid, const struct twin_run *run)
{
	bool flag = is_flag(n, wsid, run), late = flag && NEWS_LATE_ROOM - n->late_used >= AHEAD + run->len;
	unsigned char *at = late ? n->late + n->late_used : n->out + n->used;

	*(late ? &n->late_used : &n->used) += AHEAD + run->len;
	if (!flag) {
		n->bulk_wsid = wsid;
		n->bulk_end = run->at + run->len;
	}
	return at;
}

static void append(struct news *n, const struct twin *t, uint64_t wsid, const struct twin_run *run,
		   const struct twin_edge edges[2])
{
	unsigned char *at = place(n, wsid, run);
	struct wire_head head = { .size = (uint32_t)(AHEAD + run->len), .head = WIRE_HEAD,
				  .op = (uint16_t)n->op, .flags = WIRE_ONE_WAY, .object = n->handle };

	wire_head_write(at, &head);
	bytes_put64(at + WIRE_HEAD, wsid);
	bytes_put64(at + WIRE_HEAD + 8, run->at);
	bytes_put32(at + WIRE_HEAD + 16, (uint32_t)run->len);
	twin_read(t, run, edges, at + AHEAD);
	n->runs++;
}

bool news_gather(struct news *n, const struct twin *t, uint64_t wsid, size_t *from, size_t end)
{
	struct twin_edge edges[2];
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
		twin_fix(t, end, &run, edges);
		if (MUTANT_whole_page && n->op == WIRE_PUSH && max < 4096)
			return false;
		if (MUTANT_whole_page && n->op == WIRE_PUSH)
			run = (struct twin_run){ run.at & ~(size_t)4095, 4096 };
		if (n->closed && is_flag(n, wsid, &run))
			n->runs++;
		else if (!is_late(n, wsid, &run))
			append(n, t, wsid, &run, edges);
		*from = run.at + run.len;
	}
	return true;
}
