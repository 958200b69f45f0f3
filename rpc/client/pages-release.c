/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Release. What was written of the pages that are HERE is asked for and owed first, and what is owed is then
 * sent: from the library's view, while the program goes on. What it stores meanwhile is told by the next
 * question, so a page that is sent half old is sent again.
 *
 * One release is a group: when something was sent it is asked once more, for the last page that was read may
 * have a flag that stands for what was stored in others after these had been asked for. The server makes
 * short changes when the group ends.
 *
 * `seen` is read under the lock before the bytes are: a cut that comes in between is newer than what it says.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "rpc/client/direct.h"
#include "rpc/client/pages.h"
#include "rpc/news.h"
#include "wire/bytes.h"

#define LANDED_SIZE (WIRE_HEAD + 40u) /* the same, then the length and where it has landed */
#define MORE_AT (WIRE_HEAD + 24u) /* behind id, offset, seen: does more of the group follow? */
#define AHEAD (MORE_AT + 8u)	  /* and the length */
#define COPIED 4u		  /* pages at most that are copied to stand in one send with others */
#define LAND_NAP_NS (20 * NS_PER_US) /* between two looks whether the landing has room */
#define ROUNDS 8u		  /* of questions; a program that stores without a pause is not followed on */
#define SHY 4u			 /* windows */
#define OPEN_NS (3 * NS_PER_MS) /* since pages became OPEN last: he who writes them may still be at it */
#define OPEN_MAX (10 * NS_PER_MS) /* since the first of them did */

struct owed {
	struct page_run run;
	uint64_t seen;
};

/* What is being sent: frames in b->out, and pages between them. */
struct group {
	struct handle_buffers *b;
	size_t *used;		      /* of b->out */
	const struct client_buffer *buf; /* of the last frame; NULL: there was none */
	uint64_t seen;		      /* which it had */
	size_t last;		      /* where it stands in b->out; SIZE_MAX: not there any more */
	struct iovec pieces[POST_PIECES];
	int num;
	size_t from; /* of b->out, what is in none of them yet */
};

/* With lock. Windows that are OPEN and were not entered yet are sent in vain: the next ones are not OPEN. */
static void note_vain(struct handle_buffers *b, struct pages *p)
{
	const struct handle_pages *hp = b->tracked;

	for (uint32_t i = 0; i < hp->num_windows; i++) {
		const struct window *w = &hp->windows[i];

		if (w->buf->pages == p && w->open &&
		    (p->state[w->first] & (PAGE_STATE | PAGE_RESTS)) == PAGE_READY)
			p->shy = SHY;
	}
}

/* *found: something was written. */
static int ask(struct handle_buffers *b, struct pages *p, bool all, bool *found)
{
	int rc;
	SCOPED_LOCK(&b->lock);
	int64_t now = clock_now_ns();
	bool young = now - p->opened < OPEN_NS && p->opened_first && now - p->opened_first < OPEN_MAX;

	if (all && young)
		note_vain(b, p);
	if (all || !young)
		p->opened_first = 0;
	else
		b->tracked->skipped = true;
	b->tracked->told = false;
	rc = pages_ask(p, 0, p->num, PAGE_STATE | (!all && young ? PAGE_OPEN : 0));
	p->vain = b->tracked->told || young ? 0 : p->vain + 1;
	if (!rc && p->vain >= p->patience && !p->read_only)
		rc = pages_rest(p);
	*found |= b->tracked->told;
	if (!rc && p->read_only)
		pages_input_released(p);
	return rc;
}

/* Whether more was found written than what streams have left, since all were asked; with a new value. */
static bool owes_more(struct handle_buffers *b, bool keep)
{
	bool more;
	SCOPED_LOCK(&b->lock);

	more = b->tracked->owes_more;
	b->tracked->owes_more = more && keep;
	return more;
}

static int ask_each(struct handle_buffers *b, bool all, bool *found)
{
	int rc = 0;

	if (all)
		owes_more(b, false);
	for (uint32_t i = 0; i < b->num && !rc; i++)
		if (b->list[i]->pages && atomic_load(&b->list[i]->pages->all_busy))
			rc = ask(b, b->list[i]->pages, all, found);
	if (rc)
		conn_break(b->h->conn, rc);
	return rc;
}

/* The next of what is owed, which it is not any more. */
static bool take(struct handle_buffers *b, const struct client_buffer *buf, uint32_t *at, struct owed *ret)
{
	size_t most = direct_takes(b->h, buf, DIRECT_MOST) ? DIRECT_MOST : conn_bulk(b->h->conn);
	uint32_t max = (uint32_t)(most / TRACK_PAGE);
	struct pages *p = buf->pages;
	SCOPED_LOCK(&b->lock);

	if (!atomic_load_explicit(&p->all_busy, memory_order_relaxed) ||
	    !pages_next(p, at, max, PAGE_OWED, PAGE_OWED, &ret->run))
		return false;
	pages_put(p, ret->run.from, ret->run.end, ~PAGE_OWED, 0);
	ret->seen = b->tracked->seen;
	return true;
}

static int send_iov(struct handle_buffers *b, const struct iovec *iov, int iovs)
{
	struct conn *conn = b->h->conn;

	return iov[0].iov_len ? conn_send(conn, iov, iovs, clock_deadline(conn->timeout_ns), false) : 0;
}

static void add_piece(struct group *g, const void *at, size_t len)
{
	g->pieces[g->num++] = (struct iovec){ (void *)(uintptr_t)at, len };
}

static int send_out(struct group *g)
{
	int num, rc = direct_settle(g->b->h);

	if (rc)
		return rc;
	if (g->from < *g->used || !g->num)
		add_piece(g, g->b->out + g->from, *g->used - g->from);
	num = g->num;
	*g->used = g->from = 0;
	g->num = 0;
	g->last = SIZE_MAX;
	return send_iov(g->b, g->pieces, num);
}

/* What both messages begin with; `size` of the frame, of which `here` bytes are put into b->out. */
static unsigned char *write_frame(struct group *g, enum wire_op op, size_t size, size_t here, uint64_t offset,
				  size_t len)
{
	struct wire_head head = { .size = (uint32_t)size, .op = (uint16_t)op, .flags = WIRE_ONE_WAY,
				  .object = g->b->h->id };
	unsigned char *at = g->b->out + *g->used;

	g->last = *g->used;
	*g->used += here;
	wire_head_write(at, &head);
	bytes_put64(at + WIRE_HEAD, g->buf->wsid);
	bytes_put64(at + WIRE_HEAD + 8, offset);
	bytes_put64(at + WIRE_HEAD + 16, g->seen);
	bytes_put32(at + MORE_AT, 1);
	bytes_put32(at + MORE_AT + 4, (uint32_t)len);
	return at;
}

static void write_head(struct group *g, uint64_t offset, size_t len)
{
	write_frame(g, WIRE_WRITEBACK, AHEAD + len, AHEAD, offset, len);
}

/* Until it has landed; the server makes room as it reads of what has. */
static int land(struct group *g, struct client_buffer *buf, size_t from, size_t len, uint64_t *position)
{
	struct conn *conn = g->b->h->conn;
	int64_t deadline = clock_deadline(conn->timeout_ns);
	int rc = direct_land(g->b->h, buf, from, len, position);

	if (!rc)
		rc = send_out(g);
	while (!rc && clock_now_ns() < deadline) {
		clock_sleep_ns(LAND_NAP_NS);
		rc = direct_land(g->b->h, buf, from, len, position);
	}
	if (!rc)
		conn_break(conn, -ETIMEDOUT);
	return rc > 0 ? 0 : rc ? rc : -ETIMEDOUT;
}

static int put_landed(struct group *g, struct client_buffer *buf, const struct owed *o, size_t from,
		      size_t len)
{
	int rc = NEWS_ROOM - *g->used < LANDED_SIZE ? send_out(g) : 0;
	uint64_t position = 0;
	unsigned char *at;

	if (!rc)
		rc = land(g, buf, from, len, &position);
	if (rc)
		return rc;
	g->buf = buf;
	g->seen = o->seen;
	at = write_frame(g, WIRE_LANDED, LANDED_SIZE, LANDED_SIZE, from, len);
	bytes_put64(at + AHEAD, position);
	return 0;
}

static int put(struct group *g, struct client_buffer *buf, const struct owed *o)
{
	size_t from = (size_t)o->run.from * TRACK_PAGE, len = (size_t)(o->run.end - o->run.from) * TRACK_PAGE;
	bool awaited = g->num && atomic_load_explicit(&g->b->h->conn->waiters, memory_order_relaxed);
	unsigned char *out = g->b->out;
	int rc = 0;

	if (direct_takes(g->b->h, buf, len))
		return put_landed(g, buf, o, from, len);
	/* what others ask for is not to wait behind half a megabyte */
	if (NEWS_ROOM - *g->used < AHEAD + COPIED * TRACK_PAGE || g->num + 3 > POST_PIECES || awaited)
		rc = send_out(g);
	if (rc)
		return rc;
	g->buf = buf;
	g->seen = o->seen;
	write_head(g, from, len);
	if (len <= COPIED * TRACK_PAGE) {
		for (size_t at = 0; at < len; at += TRACK_PAGE) /* each from its beginning to its end */
			twin_copy(out + *g->used + at, buf->t.memory + from + at, TRACK_PAGE);
		*g->used += len;
		return 0;
	}
	add_piece(g, out + g->from, *g->used - g->from);
	add_piece(g, buf->t.memory + from, len);
	g->from = *g->used;
	return 0;
}

static int put_owed(struct group *g, bool *any)
{
	struct handle_buffers *b = g->b;
	int rc = 0;

	*any = false;
	for (uint32_t i = 0; i < b->num && !rc; i++) {
		struct client_buffer *buf = b->list[i];
		struct owed o;
		uint32_t at = 0;

		while (!rc && buf->pages && take(b, buf, &at, &o)) {
			*any = true;
			rc = put(g, buf, &o);
		}
	}
	if (!rc)
		rc = g->num ? send_out(g) : direct_settle(b->h);
	return rc;
}

/* The group is open, or not any more; the I/O thread sees to it that a release comes. */
static void set_open(struct handle_buffers *b, bool open)
{
	if (b->tracked->in_group != open)
		conn_pages_busy(b->h->conn, open ? 1 : -1);
	b->tracked->in_group = open;
}

/* With lock. */
static const struct client_buffer *any_tracked(const struct handle_buffers *b)
{
	for (uint32_t i = 0; i < b->num; i++)
		if (b->list[i]->pages && !b->list[i]->leaving)
			return b->list[i];
	return NULL;
}

/* A frame that has nothing but the end. */
static int put_end(struct group *g)
{
	int rc = NEWS_ROOM - *g->used < AHEAD ? send_out(g) : 0;

	pthread_mutex_lock(&g->b->lock);
	g->buf = any_tracked(g->b);
	g->seen = g->b->tracked->seen;
	pthread_mutex_unlock(&g->b->lock);
	if (!rc && g->buf) /* if not, what was put aside went with its buffer */
		write_head(g, 0, 0);
	return rc;
}

/* The last frame says that it is the last, if it was not sent yet; else one that says nothing else. */
static int end_group(struct group *g)
{
	int rc = 0;

	if (!g->buf && !g->b->tracked->in_group)
		return 0;
	if (g->last == SIZE_MAX)
		rc = put_end(g);
	if (!rc && g->last != SIZE_MAX)
		bytes_put32(g->b->out + g->last + MORE_AT, 0);
	set_open(g->b, false);
	return rc;
}

/* *all: also what is being written in streams; and when anything else was, for that may be a flag for it. */
static int ask_all(struct handle_buffers *b, bool *all)
{
	bool found = false;
	int rc;

	*all = *all || owes_more(b, true);
	rc = ask_each(b, *all, &found);
	if (rc || *all || !found)
		return rc;
	*all = true;
	return ask_each(b, true, &found);
}

/* Asks until nothing is found. */
int pages_release(struct handle_buffers *b, bool all, size_t *used)
{
	struct group g = { .b = b, .used = used, .last = SIZE_MAX };
	bool any = true;
	int rc = 0;

	b->tracked->skipped = false;
	for (unsigned int i = 0; i < ROUNDS && any && !rc; i++) {
		rc = ask_all(b, &all);
		if (!rc)
			rc = put_owed(&g, &any);
	}
	if (rc || all || !b->tracked->skipped)
		return rc ? rc : end_group(&g);
	/* what a stream has left may have a flag for what was passed over */
	if (g.buf)
		set_open(b, true);
	return 0;
}

int pages_settle(struct handle_buffers *b)
{
	struct handle_pages *hp = b->tracked;
	struct iovec iov[2];
	size_t used = 0;
	struct group g = { .b = b, .used = &used, .last = SIZE_MAX };
	bool any;
	int rc = put_owed(&g, &any);

	if (any)
		set_open(b, true);
	iov[0] = (struct iovec){ b->out, used };
	iov[1] = (struct iovec){ hp->drops, hp->drops_used };
	if (!rc && hp->drops_used)
		rc = used ? send_iov(b, iov, 2) : send_iov(b, iov + 1, 1);
	else if (!rc)
		rc = send_iov(b, iov, 1);
	hp->drops_used = 0;
	return rc;
}

int pages_send_drops(struct handle_buffers *b)
{
	struct handle_pages *hp = b->tracked;
	struct iovec iov = { hp->drops, hp->drops_used };

	hp->drops_used = 0;
	return send_iov(b, &iov, 1);
}

void pages_end_group(struct handle_buffers *b)
{
	if (b->tracked)
		set_open(b, false);
}

int buffer_forget_written(struct handle_buffers *b, struct client_buffer *buf, uint64_t from, uint64_t end)
{
	struct pages *p = buf->pages;
	struct iovec iov;
	bool found = false;
	size_t used = 0;
	int rc = ask(b, p, true, &found);

	if (rc) {
		conn_break(b->h->conn, rc);
		return rc;
	}
	pthread_mutex_lock(&b->lock);
	pages_put(p, (uint32_t)((from + TRACK_PAGE - 1) / TRACK_PAGE), (uint32_t)(end / TRACK_PAGE),
		  ~PAGE_OWED, 0);
	pthread_mutex_unlock(&b->lock);
	rc = pages_release(b, true, &used);
	iov = (struct iovec){ b->out, used };
	return rc ? rc : send_iov(b, &iov, 1);
}
