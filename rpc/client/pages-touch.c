/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Touches, on the tracker's thread: one at a time. Who touches a page that is not there makes it ask for a
 * window of them, which grows as long as he goes on where the last one ended; then the next window is asked
 * for ahead, and whoever reads the connection shows it, but for its first page: the touch of that one has the
 * window behind it asked for.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "rpc/client/pages.h"

#include <errno.h>
#include <sched.h>

#define FIRST 16u     /* pages for the first touch of a buffer */
#define ELSEWHERE 4u  /* for one that follows no stream */
#define AHEAD_FROM 32u /* a stream with such windows has the next ones asked for ahead */
#define AHEAD 2u       /* windows */
#define SPAN ((AHEAD + 2) * PAGES_WINDOW_MAX) /* from the page that is touched to the stream's next */

#define ASKED 3u /* times at least, however long others have kept the connection for themselves */

enum next { WAS_SHOWN, SHOWN, MARK, WAIT, ASK };

/* ---- windows ---- */

static struct stream *find_stream(struct pages *p, uint32_t page)
{
	struct stream *again = NULL;

	for (unsigned int i = 0; i < STREAMS; i++) {
		struct stream *s = &p->streams[i];

		if (s->pages && s->next == page) {
			s->on = true;
			return s;
		}
		if (s->on && s->first == page)
			again = s;
	}
	if (!again)
		return NULL;
	/* He begins anew, and waits for the first window: it is to be there soon. */
	if (again->pages > AHEAD_FROM)
		again->pages = AHEAD_FROM;
	again->pages /= 2;
	again->from = page;
	again->on = false;
	return again;
}

static struct stream *new_stream(struct pages *p, uint32_t page)
{
	struct stream *s = p->streams;

	for (unsigned int i = 1; i < STREAMS; i++)
		if (p->streams[i].age < s->age)
			s = &p->streams[i];
	*s = (struct stream){ .id = p->age + 1, .first = page, .from = page,
			      .pages = (p->age ? ELSEWHERE : FIRST) / 2 };
	return s;
}

struct stream *pages_stream(struct pages *p, uint32_t page)
{
	struct stream *s = find_stream(p, page);

	if (!s)
		s = new_stream(p, page);
	s->pages = 2 * s->pages < PAGES_WINDOW_MAX ? 2 * s->pages : PAGES_WINDOW_MAX;
	s->age = ++p->age;
	s->next = page;
	return s;
}

/* Nobody knows what the device does any more. */
static void show_plain(struct pages *p, uint32_t page)
{
	struct stream *s = pages_stream(p, page);
	uint32_t end = page + 1;

	while (end < p->num && end - page < s->pages && page_state(p, end) != PAGE_HERE)
		end++;
	s->next = end;
	pages_put(p, page, end, PAGE_OWED, PAGE_HERE);
	pages_show(p, page, end);
}

static enum next look(struct client_buffer *buf, uint32_t page)
{
	struct pages *p = buf->pages;
	unsigned int state;
	SCOPED_LOCK(&p->home->lock);

	if (!p->entered) /* it was of a buffer that had been at this address */
		return WAS_SHOWN;
	state = page_state(p, page);
	if (p->left || state == PAGE_HERE) {
		/* the kernel may have swapped it out: shown again it is not told as written */
		pages_ask(p, page, page + 1, PAGE_STATE);
		pages_show(p, page, page + 1);
		return WAS_SHOWN;
	}
	if (p->read_only) {
		pages_input_touched(p, page);
		return SHOWN;
	}
	if (buf->leaving || conn_lost(p->home->h->conn)) {
		show_plain(p, page);
		return SHOWN;
	}
	if (p->state[page] & PAGE_RESTS) {
		pages_rouse(p, page);
		return SHOWN;
	}
	if (state != PAGE_READY)
		return state == PAGE_COMING ? WAIT : ASK;
	pages_put(p, page, page + 1, PAGE_OWED | PAGE_OPEN, PAGE_HERE);
	pages_show(p, page, page + 1);
	return MARK;
}

/* ---- HOLD ---- */

/* With lock. False: it failed, and its buffer is not one that is being released. */
static bool end_hold(struct hold *hold)
{
	struct pages *p = hold->buf && !hold->taken ? hold->buf->pages : NULL;
	bool fine = hold->taken || !hold->buf || hold->buf->leaving || hold->call.result == FPGA_BUSY;

	for (uint32_t i = hold->run.from; p && i < hold->run.end; i++)
		if (page_state(p, i) == PAGE_COMING)
			pages_put(p, i, i + 1, PAGE_OWED, PAGE_ABSENT);
	call_end(&hold->call, FPGA_OK);
	hold->busy = false;
	hold->buf = NULL;
	return fine;
}

static bool is_done(struct hold *hold)
{
	return atomic_load(&hold->call.state) == CALL_DONE;
}

/* With lock: one that is free. NULL: none is. */
static struct hold *free_hold(struct handle_pages *hp, bool *fine)
{
	struct hold *found = NULL;

	for (unsigned int i = 0; i < HOLDS; i++) {
		if (hp->holds[i].busy && is_done(&hp->holds[i]))
			*fine &= end_hold(&hp->holds[i]);
		if (!hp->holds[i].busy)
			found = &hp->holds[i];
	}
	return found;
}

/* [from, end) became HERE. */
static void show_taken(struct hold *hold, uint32_t from, uint32_t end)
{
	struct pages *p = hold->buf->pages;
	uint32_t open = !hold->open ? end : from == hold->run.from ? from + 1 : from;

	if (hold->open)
		pages_put(p, from, end, ~0u, PAGE_OPEN);
	if (open > from)
		pages_show(p, from, open);
	if (end > open)
		pages_open(p, open, end);
}

/* The pages that are given. */
static void take_pages(struct hold *hold, uint32_t granted)
{
	struct pages *p = hold->buf->pages;
	uint32_t from = hold->run.from, end;

	for (; from < hold->run.end; from = end) {
		unsigned int to = from < granted ? PAGE_HERE : PAGE_ABSENT;

		for (end = from + 1;
		     end < hold->run.end && end != granted && p->state[end] == p->state[from];)
			end++;
		if (page_state(p, from) != PAGE_COMING)
			continue;
		if (to == PAGE_HERE && hold->ahead && from == hold->run.from) {
			pages_put(p, from, from + 1, PAGE_OWED, PAGE_READY | (hold->open ? PAGE_OPEN : 0));
			from++;
		}
		pages_put(p, from, end, PAGE_OWED, to);
		if (to == PAGE_HERE && end > from)
			show_taken(hold, from, end);
	}
}

/* Is there a HOLD whose reply has not come? */
static bool any_open(struct handle_pages *hp)
{
	for (unsigned int i = 0; i < HOLDS; i++)
		if (hp->holds[i].busy && !hp->holds[i].taken && !is_done(&hp->holds[i]))
			return true;
	return false;
}

/* On whichever thread reads. */
static bool arrived(void *ctx, struct call *c)
{
	struct hold *hold = ctx;
	uint64_t len = c->result == FPGA_OK ? wire_get_u64(&c->reply) : 0;
	SCOPED_LOCK(&hold->b->lock);

	if (c->result != FPGA_OK) /* who awaits it sees to that */
		return direct_tell_fetched(hold->b->h, false);
	if (c->reply.bad || len % TRACK_PAGE || len / TRACK_PAGE > hold->run.end - hold->run.from)
		return false;
	hold->taken = true;
	if (hold->buf)
		take_pages(hold, hold->run.from + (uint32_t)(len / TRACK_PAGE));
	return direct_tell_fetched(hold->b->h, any_open(hold->b->tracked));
}

/* With lock: pages from there on that can be asked for, as many as there is room for. */
static uint32_t extent(struct handle_buffers *b, struct pages *p, uint32_t from, uint32_t max)
{
	uint32_t count = atomic_load(&b->tracked->count), n = 0;

	if (count >= PAGES_HERE_MAX)
		return 0;
	if (max > PAGES_HERE_MAX - count)
		max = PAGES_HERE_MAX - count;
	while (n < max && from + n < p->num && !p->state[from + n])
		n++;
	return n;
}

/* With both locks, when what was owed is sent: marks its pages. NULL: not now. */
static struct hold *plan(struct client_buffer *buf, const struct stream *s, uint32_t page, bool ahead)
{
	struct handle_buffers *b = buf->pages->home;
	struct handle_pages *hp = b->tracked;
	struct pages *p = buf->pages;
	uint32_t from = s->next, max = s->pages;
	bool fine = true;
	struct hold *hold = free_hold(hp, &fine);
	int rc = fine ? 0 : -EPROTO;
	uint32_t n;

	if (hold && !rc)
		rc = pages_leave(buf, s->id, page);
	if (hold && !rc)
		rc = pages_drop(b, PAGES_HERE_MAX - max);
	if (rc)
		rpc_link_break(&b->h->conn->link, rc); /* who waits is told when the lock is free */
	n = rc || !hold || buf->leaving || hp->num_windows == WINDOWS ? 0 : extent(b, p, from, max);
	if (!n)
		return NULL;
	pages_put(p, from, from + n, 0, PAGE_COMING);
	hold->busy = true;
	hold->ahead = ahead;
	hold->open = s->writes && !p->shy;
	p->shy -= p->shy > 0;
	hold->taken = false;
	hold->b = b;
	hold->buf = buf;
	hold->run = (struct page_run){ from, from + n };
	hp->windows[hp->num_windows++] = (struct window){ .buf = buf, .run = hold->run, .first = from,
							  .pages = n, .stream = s->id, .open = hold->open };
	return hold;
}

static void start(struct hold *hold, uint64_t wsid, uint64_t seen)
{
	struct handle_buffers *b = hold->b;
	struct call *c = &hold->call;

	call_begin(c, b->h->conn, WIRE_HOLD, b->h->id);
	c->arrived = arrived;
	c->arrived_ctx = hold;
	wire_put_u64(&c->body, wsid);
	wire_put_u64(&c->body, (uint64_t)hold->run.from * TRACK_PAGE);
	wire_put_u64(&c->body, (uint64_t)(hold->run.end - hold->run.from) * TRACK_PAGE);
	wire_put_u64(&c->body, seen);
	if (call_start(c) != FPGA_OK)
		atomic_store(&c->state, CALL_DONE);
}

/*
 * Asks for the stream's next window, when a page is touched that lies there or before. False: not now. What
 * is left behind is owed, and sent later (tidy()): somebody may be waiting for these pages, and nothing there
 * depends on it.
 */
static bool ask(struct client_buffer *buf, struct stream *s, uint32_t page, bool ahead)
{
	struct handle_buffers *b = buf->pages->home;
	struct hold *hold;
	uint64_t seen;
	SCOPED_LOCK(&b->release_lock);

	if (pages_settle(b))
		return false;
	pthread_mutex_lock(&b->lock);
	hold = plan(buf, s, page, ahead);
	seen = b->tracked->seen;
	pthread_mutex_unlock(&b->lock);
	pages_send_drops(b);
	if (conn_lost(b->h->conn))
		conn_break(b->h->conn, -EPROTO);
	if (!hold)
		return false;
	start(hold, buf->wsid, seen);
	s->next = hold->run.end;
	return true;
}

static void ask_ahead(struct client_buffer *buf, struct stream *s, uint32_t page)
{
	if (s->pages < AHEAD_FROM)
		return;
	for (uint32_t i = 0; i < AHEAD && s->next < buf->pages->num; i++) {
		s->pages = 2 * s->pages < PAGES_WINDOW_MAX ? 2 * s->pages : PAGES_WINDOW_MAX;
		if (s->next - page >= SPAN - PAGES_WINDOW_MAX || !ask(buf, s, page, true))
			break;
	}
	io_expect(buf->pages->home->h->conn);
}

static void ask_here(struct client_buffer *buf, uint32_t page)
{
	struct handle_buffers *b = buf->pages->home;
	struct stream *s;

	pthread_mutex_lock(&b->lock);
	s = pages_stream(buf->pages, page);
	pthread_mutex_unlock(&b->lock);
	if (ask(buf, s, page, false))
		ask_ahead(buf, s, page);
}

/* What was left behind. */
static void tidy(struct handle_buffers *b)
{
	SCOPED_LOCK(&b->release_lock);

	if (b->tracked)
		pages_settle(b);
}

/* The first page of a window that was asked for ahead: on with its stream. */
static void go_on(struct client_buffer *buf, uint32_t page)
{
	struct pages *p = buf->pages;

	for (unsigned int i = 0; i < STREAMS; i++) {
		struct stream *s = &p->streams[i];

		if (s->next > page && s->next - page <= SPAN) {
			s->age = ++p->age;
			s->on = true;
			ask_ahead(buf, s, page);
			return;
		}
	}
}

/*
 * The HOLD that this page is asked for by. If there is none and the page is not there, any: there may be too
 * many under way.
 */
static struct hold *find_hold(struct handle_buffers *b, const struct client_buffer *buf, uint32_t page)
{
	struct hold *found = NULL;
	SCOPED_LOCK(&b->lock);

	for (unsigned int i = 0; i < HOLDS; i++) {
		struct hold *hold = &b->tracked->holds[i];
		bool its = hold->busy && hold->buf == buf && page >= hold->run.from && page < hold->run.end;

		if (its || (hold->busy && !found))
			found = hold;
		if (its)
			return found;
	}
	return page_state(buf->pages, page) == PAGE_ABSENT ? found : NULL;
}

static void await(struct client_buffer *buf, uint32_t page)
{
	struct handle_buffers *b = buf->pages->home;
	struct conn *conn = b->h->conn;
	struct hold *hold = find_hold(b, buf, page);
	bool fine, late;

	if (!hold)
		return;
	if (!is_done(hold)) {
		hold->call.deadline = clock_deadline(hold->call.timeout_ns);
		conn_await(conn, &hold->call);
	}
	pthread_mutex_lock(&b->lock);
	late = hold->call.error == ETIMEDOUT;
	fine = end_hold(hold);
	pthread_mutex_unlock(&b->lock);
	if (!fine)
		conn_break(conn, late ? -ETIMEDOUT : -EPROTO);
}

/* False: nothing was to be done. */
static bool serve(struct client_buffer *buf, uint32_t page)
{
	struct conn *conn = buf->pages->home->h->conn;
	int64_t until = clock_deadline(conn->timeout_ns);
	unsigned int asked = 0;

	for (;;) {
		switch (look(buf, page)) {
		case WAS_SHOWN: /* who polls had run into a cut */
			return false;
		case SHOWN:
			return true;
		case MARK:
			go_on(buf, page);
			return true;
		case ASK:
			if (++asked > ASKED && clock_now_ns() >= until)
				conn_break(conn, -ETIMEDOUT);
			ask_here(buf, page);
			break;
		case WAIT:
			break;
		}
		await(buf, page);
	}
}

bool pages_touched(void *ctx, struct track *t, size_t offset)
{
	struct client_buffer *buf = ctx;
	bool more = serve(buf, (uint32_t)(offset / TRACK_PAGE));

	(void)t;
	if (more)
		tidy(buf->pages->home);
	return more;
}

void pages_end_holds(struct handle_buffers *b)
{
	for (unsigned int i = 0; b->tracked && i < HOLDS; i++)
		if (b->tracked->holds[i].busy) {
			conn_leave(b->h->conn, &b->tracked->holds[i].call);
			call_end(&b->tracked->holds[i].call, FPGA_OK);
		}
}
