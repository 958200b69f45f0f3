/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A cut: what is new on the pages that are held, as frames. A page is read once for it, into a copy, so that
 * runs are those of one moment; their bytes become claims. See docs/coherence.md.
 */
#include "rpc/server/buffers-internal.h"

#include "base/clock.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

#define DATA_HEAD (WIRE_HEAD + NEWS_FIXED)
#define STALE_BODY 24u
#define CUT_BODY 8u
/* What a page may take, and the end. */
#define PAGE_ROOM (CUT_RUNS * DATA_HEAD + CUT_BYTES + WIRE_HEAD + CUT_BODY)

void cut_init(struct cut *c, unsigned char *out)
{
	*c = (struct cut){ .out = out, .stale_at = SIZE_MAX, .shortest = SIZE_MAX };
}

bool cut_is_full(const struct cut *c)
{
	return CUT_ROOM - c->used < PAGE_ROOM;
}

/* Appends a frame's head; its body. */
static unsigned char *append(const struct session_buffers *b, struct cut *c, enum wire_op op, size_t body)
{
	unsigned char *at = c->out + c->used;
	struct wire_head head = { .size = (uint32_t)(WIRE_HEAD + body), .op = (uint16_t)op,
				  .flags = WIRE_ONE_WAY, .object = b->h->id };

	wire_head_write(at, &head);
	c->stale_at = op == WIRE_STALE ? c->used : SIZE_MAX;
	c->used += WIRE_HEAD + body;
	return at + WIRE_HEAD;
}

/* Neighbours go in one frame. */
static bool goes_on(const struct cut *c, uint64_t wsid, uint64_t offset)
{
	const unsigned char *body;

	if (c->stale_at == SIZE_MAX)
		return false;
	body = c->out + c->stale_at + WIRE_HEAD;
	return bytes_get64(body) == wsid && bytes_get64(body + 8) + bytes_get64(body + 16) == offset;
}

static void put_stale(struct session_buffers *b, struct session_buffer *buf, size_t page, struct cut *c)
{
	uint64_t offset = (uint64_t)page * HELD_PAGE;

	if (goes_on(c, buf->wsid, offset)) {
		unsigned char *body = c->out + c->stale_at + WIRE_HEAD;

		bytes_put64(body + 16, bytes_get64(body + 16) + HELD_PAGE);
	} else {
		unsigned char *body = append(b, c, WIRE_STALE, STALE_BODY);

		bytes_put64(body, buf->wsid);
		bytes_put64(body + 8, offset);
		bytes_put64(body + 16, HELD_PAGE);
	}
	c->stales++;
	counts_add_shared(session_counts(b->s), RPC_PAGES_STALE, 1);
	b->stale = b->cuts + 1;
	buffers_unhold(b, buf, page, page + 1);
}

/* `run` of the copy, which begins at `at` of the buffer. */
static void put_run(struct session_buffers *b, struct session_buffer *buf, size_t at, const struct twin *copy,
		    const struct twin_run *run, struct cut *c)
{
	struct claim claim = { buf->wsid, b->cuts + 1, { at + run->at, run->len } };
	unsigned char *body = append(b, c, WIRE_DATA, NEWS_FIXED + run->len);

	bytes_put64(body, buf->wsid);
	bytes_put64(body + 8, at + run->at);
	bytes_put32(body + 16, (uint32_t)run->len);
	twin_read(copy, run, NULL, body + NEWS_FIXED);
	claims_add(&b->claims, &claim);
	asides_lose(&b->asides, &buf->t, &claim.run);
	c->runs++;
	c->data += run->len;
	c->shortest = run->len < c->shortest ? run->len : c->shortest;
}

/* All runs of the copy and their bytes; false: there is too much of either. */
static bool find_runs(const struct twin *copy, struct twin_run runs[CUT_RUNS], uint32_t *num, size_t *bytes)
{
	struct twin_run run;
	size_t from = 0;

	*num = 0;
	*bytes = 0;
	while (twin_next(copy, from, copy->len, CUT_BYTES + TWIN_LINE, 1, &run)) {
		*bytes += run.len;
		if (*num == CUT_RUNS || *bytes > CUT_BYTES)
			return false;
		runs[(*num)++] = run;
		from = run.at + run.len;
	}
	return true;
}

void cut_page(struct session_buffers *b, struct session_buffer *buf, size_t page, struct cut *c)
{
	size_t at = page * HELD_PAGE, left = buf->t.len - at, bytes;
	unsigned char now[HELD_PAGE];
	struct twin copy = { now, buf->t.twin + at, left < HELD_PAGE ? left : HELD_PAGE };
	struct twin_run runs[CUT_RUNS];
	uint32_t num;

	if (!twin_differs(&buf->t, at, at + copy.len))
		return;
	twin_copy(now, buf->t.memory + at, copy.len);
	if (c->closing || fetches_have(b, buf, page) || !find_runs(&copy, runs, &num, &bytes) ||
	    !claims_have_room(&b->claims, num) ||
	    c->data + bytes > WIRE_CUT_MAX) {
		put_stale(b, buf, page, c);
		return;
	}
	for (uint32_t i = 0; i < num; i++)
		put_run(b, buf, at, &copy, &runs[i], c);
}

int cut_send(struct session_buffers *b, struct cut *c)
{
	struct iovec iov = { c->out, c->used };
	int rc = c->used ? rpc_link_send_iov(session_link(b->s), &iov, 1, clock_deadline(SEND_NS)) : 0;

	c->used = 0;
	c->stale_at = SIZE_MAX;
	return rc;
}

int cut_end(struct session_buffers *b, struct cut *c)
{
	if (!c->runs && !c->stales)
		return 0;
	pthread_mutex_lock(&b->lock);
	counts_add_shared(session_counts(b->s), RPC_CUTS, 1);
	b->cuts++; /* before it is sent: who has read it may say so at once */
	bytes_put64(append(b, c, WIRE_CUT, CUT_BODY), b->cuts);
	pthread_mutex_unlock(&b->lock);
	return cut_send(b, c);
}
