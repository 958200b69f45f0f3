/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client says that tracks its pages: HOLD, DROP and WRITEBACK. Each tells up to which cut it has read,
 * and claims up to there are forgotten. See docs/coherence.md.
 */
#include "rpc/server/buffers-internal.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

#define TRIES 3u   /* HOLDs of a page that does not come to rest: the last one gets it */
#define FRAMES 32u /* of one send */
#define GAP 256u   /* bytes that did not change between two frames that are better one */
#define DATA_HEAD (WIRE_HEAD + NEWS_FIXED)
#define FETCH_BODY 24u
#define FRAME_ROOM (WIRE_HEAD + FETCH_BODY) /* the longest of those that are sent from here */

static void note_held(struct session_buffers *b, size_t had, size_t has)
{
	counts_move(session_counts(b->s), RPC_WATCHED_BYTES, ((int64_t)has - (int64_t)had) * HELD_PAGE);
}

void buffers_hold(struct session_buffers *b, struct session_buffer *buf, size_t from, size_t end)
{
	size_t any = buf->held.num;

	held_set(&buf->held, from, end);
	note_held(b, any, buf->held.num);
	if (!any && buf->held.num)
		atomic_fetch_add(&b->watched, 1);
}

void buffers_unhold(struct session_buffers *b, struct session_buffer *buf, size_t from, size_t end)
{
	size_t any = buf->held.num;

	held_clear(&buf->held, from, end);
	note_held(b, any, buf->held.num);
	if (any && !buf->held.num)
		atomic_fetch_sub(&b->watched, 1);
}

/* ---- what is asked ---- */

/* wsid, offset, length, seen: pages of a buffer that can be held. */
struct pages {
	struct session_buffer *buf;
	size_t from, num;
	uint64_t seen;
};

static fpga_result check_tracked(struct request *q, const struct session_buffer *buf, uint64_t wsid)
{
	if (!buf)
		return buffers_none(q, wsid);
	if (!buf->tracked)
		return request_fail(q, FPGA_INVALID_PARAM, "the buffer was not prepared as tracked");
	return FPGA_OK;
}

static fpga_result check_pages(struct request *q, const struct session_buffer *buf, uint64_t offset,
			       uint64_t len)
{
	if (!buf->t.twin)
		return request_fail(q, FPGA_INVALID_PARAM, "a buffer that the device only reads is not held");
	if (!len || len > WIRE_HOLD_MAX || offset % HELD_PAGE || len % HELD_PAGE ||
	    offset / HELD_PAGE >= buf->held.pages || len / HELD_PAGE > buf->held.pages - offset / HELD_PAGE)
		return request_fail(q, FPGA_INVALID_PARAM,
				    "%llu bytes at %llu are not 1 to %u whole pages of the buffer's %zu",
				    (unsigned long long)len, (unsigned long long)offset,
				    WIRE_HOLD_MAX / HELD_PAGE, buf->held.pages);
	return FPGA_OK;
}

/* With the lock held. */
static fpga_result check_seen(const struct session_buffers *b, struct request *q, uint64_t seen)
{
	if (seen > b->cuts)
		return request_fail(q, FPGA_INVALID_PARAM, "cut %llu was not sent yet: the last was %llu",
				    (unsigned long long)seen, (unsigned long long)b->cuts);
	return FPGA_OK;
}

static fpga_result see(struct session_buffers *b, struct request *q, uint64_t seen)
{
	fpga_result r = check_seen(b, q, seen);

	if (r == FPGA_OK)
		claims_forget(&b->claims, seen);
	return r;
}

static fpga_result read_pages(struct request *q, struct pages *p)
{
	uint64_t wsid = wire_get_u64(&q->in), offset = wire_get_u64(&q->in), len = wire_get_u64(&q->in);
	fpga_result r;

	p->seen = wire_get_u64(&q->in);
	if (q->in.bad)
		return request_bad(q);
	p->buf = buffers_find(q->handle->buffers, wsid);
	r = check_tracked(q, p->buf, wsid);
	if (r == FPGA_OK)
		r = check_pages(q, p->buf, offset, len);
	p->from = (size_t)offset / HELD_PAGE;
	p->num = (size_t)len / HELD_PAGE;
	return r;
}

/* ---- DROP ---- */

/* A page may have been made STALE, and its client not know it yet. */
static fpga_result drop(struct session_buffers *b, struct request *q, const struct pages *p)
{
	fpga_result r;
	SCOPED_LOCK(&b->lock);

	r = see(b, q, p->seen);
	if (r != FPGA_OK)
		return r;
	if (p->seen >= b->stale && !held_all(&p->buf->held, p->from, p->from + p->num))
		return request_fail(q, FPGA_INVALID_PARAM, "%zu pages from page %zu on are not all held",
				    p->num, p->from);
	buffers_unhold(b, p->buf, p->from, p->from + p->num);
	counts_add_shared(session_counts(b->s), RPC_PAGES_DROPPED, p->num);
	return FPGA_OK;
}

fpga_result serve_DROP(struct rpc_session *s, struct request *q)
{
	struct pages p;
	fpga_result r = read_pages(q, &p);

	(void)s;
	return r == FPGA_OK ? drop(q->handle->buffers, q, &p) : r;
}

/* ---- WRITEBACK ---- */

void buffers_write_back(struct session_buffers *b, const struct session_buffer *buf, size_t offset,
			const unsigned char *data, size_t len)
{
	struct twin_run claimed[CLAIMS_MAX];
	uint32_t num = claims_in(&b->claims, buf->wsid, offset, offset + len, claimed);
	size_t end = offset + len;

	if (MUTANT_whole_page) {
		memcpy(buf->t.twin + offset, data, len);
		twin_copy(buf->t.memory + offset, data, len);
		return;
	}
	/* in falling order, as twin_apply() has it */
	for (; num; end = claimed[num].at) {
		size_t from = claimed[num - 1].at + claimed[num - 1].len;

		twin_apply(&buf->t, from, data + (from - offset), end - from);
		num--;
	}
	twin_apply(&buf->t, offset, data, end - offset);
}

/* wsid, offset, seen, more, bytes: pages, or nothing but the end of a group. */
struct back {
	uint64_t wsid, offset, seen;
	uint32_t more;
	size_t len;
	const void *data;
};

static bool whole_pages(const struct session_buffer *buf, const struct back *back)
{
	return !(back->offset % HELD_PAGE) &&
	       (!(back->len % HELD_PAGE) || back->offset + back->len == buf->t.len);
}

static fpga_result check_back(struct request *q, const struct session_buffer *buf, const struct back *back)
{
	fpga_result r = check_tracked(q, buf, back->wsid);

	if (r == FPGA_OK)
		r = buffers_check(q, buf, back->wsid, back->offset, back->len);
	if (r != FPGA_OK)
		return r;
	if (back->more > 1)
		return request_fail(q, FPGA_INVALID_PARAM, "WRITEBACK: more is 0 or 1, not %u", back->more);
	if (!whole_pages(buf, back) || (!back->len && back->more))
		return request_fail(q, FPGA_INVALID_PARAM, "%zu bytes at %llu are no whole pages", back->len,
				    (unsigned long long)back->offset);
	return FPGA_OK;
}

/* What is too much to put aside. */
static void take_at_once(struct session_buffers *b, const struct session_buffer *buf, size_t page,
			 const unsigned char *come, size_t len)
{
	if (buf->t.twin)
		buffers_write_back(b, buf, page, come, len);
	else
		twin_store(buf->t.memory + page, come, len);
}

/* From the last page to the first: what is in front may be a flag for what lies behind. */
static void take_pages(struct session_buffers *b, const struct session_buffer *buf, size_t offset,
		       const unsigned char *data, size_t len)
{
	struct twin_run claimed[CLAIMS_MAX];
	size_t end = offset + len;

	while (end > offset) {
		size_t page = (end - 1) / HELD_PAGE * HELD_PAGE;
		const unsigned char *come = data + (page - offset);
		uint32_t num = b->claims.num ? claims_in(&b->claims, buf->wsid, page, end, claimed) : 0;

		if (MUTANT_whole_page ||
		    !asides_put(&b->asides, &buf->t, page, come, end - page, claimed, num))
			take_at_once(b, buf, page, come, end - page);
		end = page;
	}
}

static fpga_result take_back(struct session_buffers *b, struct request *q, const struct session_buffer *buf,
			     const struct back *back)
{
	fpga_result r;
	SCOPED_LOCK(&b->lock);

	r = see(b, q, back->seen);
	if (r != FPGA_OK)
		return r;
	counts_add_shared(session_counts(b->s), RPC_WRITEBACK_BYTES, back->len);
	take_pages(b, buf, (size_t)back->offset, back->data, back->len);
	if (!back->more)
		asides_settle(&b->asides);
	return FPGA_OK;
}

static void read_back(struct request *q, struct back *back)
{
	back->wsid = wire_get_u64(&q->in);
	back->offset = wire_get_u64(&q->in);
	back->seen = wire_get_u64(&q->in);
	back->more = wire_get_u32(&q->in);
}

static fpga_result serve_back(struct request *q, const struct back *back)
{
	struct session_buffers *b = q->handle->buffers;
	const struct session_buffer *buf = buffers_find(b, back->wsid);
	fpga_result r = check_back(q, buf, back);

	if (r == FPGA_OK)
		r = take_back(b, q, buf, back);
	watch_stir(b);
	return r;
}

fpga_result serve_WRITEBACK(struct rpc_session *s, struct request *q)
{
	struct back back;

	(void)s;
	read_back(q, &back);
	back.data = wire_get_bytes(&q->in, &back.len);
	return q->in.bad ? request_bad(q) : serve_back(q, &back);
}

/* The same, of bytes that the peer has put where they land. */
fpga_result serve_LANDED(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	struct back back;
	uint64_t position;
	fpga_result r;

	(void)s;
	read_back(q, &back);
	back.len = wire_get_u32(&q->in);
	position = wire_get_u64(&q->in);
	if (q->in.bad)
		return request_bad(q);
	back.data = landing_find(b, position, back.len);
	if (!back.data && !buffers_find(b, back.wsid))
		return buffers_none(q, back.wsid);
	if (!back.data)
		return request_fail(q, FPGA_INVALID_PARAM, "LANDED: %zu bytes at %llu are not in the landing",
				    back.len, (unsigned long long)position);
	exposed_give_way(b);
	r = serve_back(q, &back);
	landing_take(b, position, back.len);
	return r;
}

/* ---- HOLD ---- */

/* Frames for a HOLD, the bytes of which are sent from the twin. */
struct answer {
	struct session_buffers *b;
	const struct session_buffer *buf;
	struct iovec iov[2 * FRAMES];
	unsigned char heads[FRAMES][FRAME_ROOM];
	unsigned int frames;
	int iovs, rc;
};

static void send_frames(struct answer *a)
{
	if (!a->rc && a->iovs)
		a->rc = rpc_link_send_iov(session_link(a->b->s), a->iov, a->iovs, clock_deadline(SEND_NS));
	a->frames = 0;
	a->iovs = 0;
}

/* Makes room for one more frame, and writes its head; where its body begins, of which the first is sent. */
static unsigned char *add_frame(struct answer *a, const struct wire_head *head, size_t first)
{
	unsigned char *at;

	if (a->frames == FRAMES)
		send_frames(a);
	at = a->heads[a->frames++];
	wire_head_write(at, head);
	a->iov[a->iovs++] = (struct iovec){ at, WIRE_HEAD + first };
	return at + WIRE_HEAD;
}

/* The client reads it by itself. */
static bool add_fetch(struct answer *a, size_t from, size_t end)
{
	struct wire_head head = { .size = WIRE_HEAD + FETCH_BODY, .op = WIRE_FETCH, .flags = WIRE_ONE_WAY,
				  .object = a->b->h->id };
	unsigned char *body;
	bool can;

	pthread_mutex_lock(&a->b->lock);
	can = fetches_add(a->b, a->buf, from, end);
	pthread_mutex_unlock(&a->b->lock);
	if (!can)
		return false;
	body = add_frame(a, &head, FETCH_BODY);
	bytes_put64(body, a->buf->wsid);
	bytes_put64(body + 8, from);
	bytes_put64(body + 16, end - from);
	return true;
}

/* [from, end) of the buffer. */
static void add_data(struct answer *a, size_t from, size_t end)
{
	size_t bulk = news_bulk(session_link(a->b->s)->peer_max);

	if (add_fetch(a, from, end))
		return;
	while (from < end) {
		size_t len = end - from < bulk ? end - from : bulk;
		struct wire_head head = { .size = (uint32_t)(DATA_HEAD + len), .op = WIRE_DATA,
					  .flags = WIRE_ONE_WAY, .object = a->b->h->id };
		unsigned char *body = add_frame(a, &head, NEWS_FIXED);

		bytes_put64(body, a->buf->wsid);
		bytes_put64(body + 8, from);
		bytes_put32(body + 16, (uint32_t)len);
		a->iov[a->iovs++] = (struct iovec){ a->buf->t.twin + from, len };
		from += len;
	}
}

/* What the twin took, given or not; of a page from its first changed line to its last. */
static void add_news(struct answer *a, const struct hold *h)
{
	size_t from = 0, end = 0;

	for (size_t i = 0; i < h->num; i++) {
		size_t at = (h->page + i) * HELD_PAGE, begins, ends;

		if (!h->lines[i])
			continue;
		begins = at + (size_t)__builtin_ctzll(h->lines[i]) * TWIN_LINE;
		ends = at + (64 - (size_t)__builtin_clzll(h->lines[i])) * TWIN_LINE;
		if (begins - end > GAP || !end) {
			add_data(a, from, end);
			from = begins;
		}
		end = ends < h->buf->t.len ? ends : h->buf->t.len;
	}
	add_data(a, from, end);
}

static void add_reply(struct answer *a, const struct request *q, size_t given)
{
	struct wire_head head = { .size = WIRE_HEAD + 8, .op = WIRE_HOLD, .flags = WIRE_REPLY,
				  .id = q->head.id, .object = q->head.object, .budget = FPGA_OK };

	bytes_put64(add_frame(a, &head, 8), (uint64_t)given * HELD_PAGE);
}

/* Has the page been refused so often that it is given whatever it does? */
static bool insists(const struct session_buffers *b, const struct hold *h)
{
	return b->refused.wsid == h->buf->wsid && b->refused.page == h->page && b->refused.times + 1 >= TRIES;
}

static void count_refusal(struct session_buffers *b, const struct hold *h)
{
	bool again = b->refused.wsid == h->buf->wsid && b->refused.page == h->page;

	b->refused.wsid = h->buf->wsid;
	b->refused.page = h->page;
	b->refused.times = h->given ? 0 : again ? b->refused.times + 1 : 1;
}

/* Looks, and sends all but the cut, which the look has sent. Under tell_lock, so that nothing overtakes. */
static void answer(struct session_buffers *b, const struct request *q, struct hold *h)
{
	struct answer a = { .b = b, .buf = h->buf };
	struct place at = { 0 };
	unsigned int found;

	h->insist = insists(b, h);
	a.rc = look_and_tell(b, &at, SIZE_MAX, h, &found);
	count_refusal(b, h);
	pthread_mutex_lock(&b->lock);
	buffers_hold(b, h->buf, h->page, h->page + h->given);
	pthread_mutex_unlock(&b->lock);
	counts_add_shared(session_counts(b->s), RPC_PAGES_ASKED, h->num);
	counts_add_shared(session_counts(b->s), RPC_PAGES_GIVEN, h->given);
	add_news(&a, h);
	add_reply(&a, q, h->given);
	send_frames(&a);
}

/* Pages that are held already are asked for anew: their client did not take what it was given. */
fpga_result serve_HOLD(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	struct pages p;
	fpga_result r = read_pages(q, &p);

	(void)s;
	if (r != FPGA_OK)
		return r;
	struct hold h = { .buf = p.buf, .page = p.from, .num = p.num, .given = p.num };

	exposed_give_way(b);
	buffers_ask(b);
	pthread_mutex_lock(&b->lock);
	r = see(b, q, p.seen);
	if (r == FPGA_OK) {
		asides_make(&b->asides, &p.buf->t, p.from * HELD_PAGE, (p.from + p.num) * HELD_PAGE);
		buffers_unhold(b, p.buf, p.from, p.from + p.num);
	}
	pthread_mutex_unlock(&b->lock);
	if (r == FPGA_OK) {
		answer(b, q, &h);
		q->replied = true;
	}
	pthread_mutex_unlock(&b->tell_lock);
	watch_held(b);
	return r;
}
