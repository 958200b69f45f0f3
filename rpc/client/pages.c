/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "rpc/client/conn.h"
#include "wire/bytes.h"

#define PATIENCE 16u
#define PATIENCE_MAX 4096u
#define ROUSED 16u /* pages */
#define DROP_BYTES (WIRE_HEAD + 32u)

/* ---- states ---- */

static bool is_busy(unsigned int s)
{
	return (s & PAGE_STATE) == PAGE_HERE || s & PAGE_OWED;
}

void pages_put(struct pages *p, uint32_t from, uint32_t end, unsigned int keep, unsigned int more)
{
	int busy = 0, there = 0;

	for (uint32_t i = from; i < end; i++) {
		unsigned int old = p->state[i], now = (old & keep) | more;
		int change = is_busy(now) - is_busy(old);

		p->state[i] = (unsigned char)now;
		p->busy[i / PAGES_CHUNK] = (uint16_t)(p->busy[i / PAGES_CHUNK] + change);
		busy += change;
		there += !!(now & PAGE_STATE) - !!(old & PAGE_STATE);
	}
	if (busy) {
		atomic_fetch_add_explicit(&p->all_busy, (unsigned int)busy, memory_order_relaxed);
		conn_pages_busy(p->home->h->conn, busy);
	}
	if (there && !p->read_only)
		atomic_fetch_add_explicit(&p->home->tracked->count, (unsigned int)there,
					  memory_order_relaxed);
}

bool pages_next(const struct pages *p, uint32_t *at, uint32_t max, unsigned int mask, unsigned int is,
		struct page_run *ret)
{
	uint32_t i = *at;

	while (i < p->num && (p->state[i] & mask) != is)
		i = p->busy[i / PAGES_CHUNK] ? i + 1 : (i / PAGES_CHUNK + 1) * PAGES_CHUNK;
	ret->from = i;
	while (i < p->num && i - ret->from < max && (p->state[i] & mask) == is)
		i++;
	ret->end = *at = i;
	return i > ret->from;
}

void pages_owe(void *ctx, size_t from, size_t end)
{
	struct pages *p = ctx;

	pages_put(p, (uint32_t)(from / TRACK_PAGE), (uint32_t)(end / TRACK_PAGE), ~PAGE_OPEN,
		  PAGE_OWED | PAGE_WROTE);
	p->home->tracked->told = p->home->tracked->owes_more = true;
}

static void forget(void *ctx, size_t from, size_t end)
{
	(void)ctx, (void)from, (void)end;
}

/* What the program has is not to be relied on any more. Whoever reads finds that, and tells who waits. */
static int checked(const struct pages *p, int rc)
{
	if (rc) {
		debug("a page of a buffer cannot be guarded: errno %d", -rc);
		rpc_link_break(&p->home->h->conn->link, rc);
	}
	return rc;
}

int pages_hide(struct pages *p, uint32_t from, uint32_t end)
{
	return checked(p, track_hide(p->track, (size_t)from * TRACK_PAGE, (size_t)end * TRACK_PAGE,
				     MUTANT_lost_flush ? forget : pages_owe, p));
}

int pages_show(struct pages *p, uint32_t from, uint32_t end)
{
	return checked(p, track_show(p->track, (size_t)from * TRACK_PAGE, (size_t)end * TRACK_PAGE));
}

int pages_open(struct pages *p, uint32_t from, uint32_t end)
{
	pages_put(p, from, end, ~0u, PAGE_OPEN);
	p->opened = clock_now_ns();
	if (!p->opened_first)
		p->opened_first = p->opened;
	return checked(p, track_show_written(p->track, (size_t)from * TRACK_PAGE, (size_t)end * TRACK_PAGE));
}

int pages_ask(struct pages *p, uint32_t from, uint32_t end, unsigned int mask)
{
	struct page_run run;
	int rc = 0;

	while (!rc && from < end && pages_next(p, &from, end - from, mask, PAGE_HERE, &run) && run.from < end)
		rc = track_written(p->track, (size_t)run.from * TRACK_PAGE,
				   (size_t)(run.end < end ? run.end : end) * TRACK_PAGE, pages_owe, p);
	return checked(p, rc);
}

/* ---- what rests ---- */

int pages_rest(struct pages *p)
{
	struct page_run run;
	uint32_t at = 0;
	int rc = 0;

	while (!rc && pages_next(p, &at, UINT32_MAX, PAGE_STATE, PAGE_HERE, &run)) {
		rc = pages_hide(p, run.from, run.end);
		pages_put(p, run.from, run.end, PAGE_OWED | PAGE_WROTE, PAGE_READY | PAGE_RESTS);
	}
	p->vain = 0;
	p->rests = true;
	return rc;
}

int pages_rouse(struct pages *p, uint32_t page)
{
	uint32_t end = page + 1;

	while (end < p->num && end - page < ROUSED && p->state[end] & PAGE_RESTS)
		end++;
	pages_put(p, page, end, PAGE_OWED | PAGE_WROTE, PAGE_HERE);
	if (p->rests && p->patience < PATIENCE_MAX)
		p->patience *= 2;
	p->rests = false;
	return pages_show(p, page, end);
}

/* ---- what is dropped ---- */

static bool is_coming(const struct handle_pages *hp, const struct window *w)
{
	for (unsigned int i = 0; i < HOLDS; i++)
		if (hp->holds[i].busy && !hp->holds[i].taken && hp->holds[i].buf == w->buf &&
		    hp->holds[i].run.from == w->run.from)
			return true;
	return false;
}

static void put_drop(struct handle_buffers *b, uint64_t wsid, const struct page_run *run)
{
	struct handle_pages *hp = b->tracked;
	struct wire_head head = { .size = DROP_BYTES, .op = WIRE_DROP, .flags = WIRE_ONE_WAY,
				  .object = b->h->id };
	unsigned char *at = hp->drops + hp->drops_used;

	wire_head_write(at, &head);
	bytes_put64(at + WIRE_HEAD, wsid);
	bytes_put64(at + WIRE_HEAD + 8, (uint64_t)run->from * TRACK_PAGE);
	bytes_put64(at + WIRE_HEAD + 16, (uint64_t)(run->end - run->from) * TRACK_PAGE);
	bytes_put64(at + WIRE_HEAD + 24, hp->seen);
	hp->drops_used += DROP_BYTES;
}

static void count_written(struct window *w, const struct page_run *run)
{
	const struct pages *p = w->buf->pages;

	for (uint32_t i = run->from; i < run->end; i++)
		w->wrote += !!(p->state[i] & PAGE_WROTE);
	if (run->from == w->first)
		w->wrote_first = p->state[run->from] & PAGE_WROTE;
}

/* HERE and READY are watched; READY alone is hidden already. */
static int drop_run(struct handle_buffers *b, struct window *w, const struct page_run *run)
{
	struct pages *p = w->buf->pages;
	int rc = page_state(p, run->from) == PAGE_HERE ? pages_hide(p, run->from, run->end) : 0;

	count_written(w, run);
	pages_put(p, run->from, run->end, PAGE_OWED, PAGE_ABSENT);
	put_drop(b, w->buf->wsid, run);
	return rc;
}

/* NULL: it was forgotten. */
static struct stream *stream_of(const struct window *w)
{
	struct stream *s = w->buf->pages->streams;

	for (unsigned int i = 0; i < STREAMS; i++)
		if (s[i].id == w->stream)
			return &s[i];
	return NULL;
}

/* What of it is not COMING again. False: there is no room for that in one go. */
static bool drop_window(struct handle_buffers *b, struct window *w, int *rc)
{
	struct pages *p = w->buf->pages;
	struct stream *s = stream_of(w);

	while (w->run.from < w->run.end && !*rc) {
		struct page_run run = { w->run.from, w->run.from };
		unsigned int state = page_state(p, run.from);

		if (b->tracked->drops_used + DROP_BYTES > DROPS_ROOM)
			return false;
		while (run.end < w->run.end && page_state(p, run.end) == state)
			run.end++;
		if (state == PAGE_HERE || state == PAGE_READY)
			*rc = drop_run(b, w, &run);
		w->run.from = run.end;
	}
	if (s)
		s->writes = w->open ? w->wrote_first : 2 * w->wrote >= w->pages;
	return true;
}

/* False: there is no room for what is to be sent. */
static bool drop_nth(struct handle_buffers *b, uint32_t i, int *rc)
{
	struct handle_pages *hp = b->tracked;

	if (!drop_window(b, &hp->windows[i], rc))
		return false;
	hp->num_windows--;
	memmove(&hp->windows[i], &hp->windows[i + 1], (hp->num_windows - i) * sizeof(hp->windows[0]));
	return true;
}

int pages_drop(struct handle_buffers *b, uint32_t keep)
{
	struct handle_pages *hp = b->tracked;
	uint32_t i = 0;
	int rc = 0;

	while (!rc && i < hp->num_windows && (atomic_load(&hp->count) > keep || hp->num_windows == WINDOWS)) {
		if (is_coming(hp, &hp->windows[i])) {
			i++;
			continue;
		}
		if (!drop_nth(b, i, &rc))
			break;
	}
	return rc;
}

/* What is dropped of a stream that writes is sent while it goes on. */
static bool is_to_leave(const struct window *w)
{
	const struct stream *s = stream_of(w);

	return w->buf->pages->num > PAGES_HERE_MAX || (s && s->writes && w->pages >= PAGES_MANY);
}

int pages_leave(struct client_buffer *buf, uint64_t stream, uint32_t page)
{
	struct handle_buffers *b = buf->pages->home;
	struct handle_pages *hp = b->tracked;
	bool owes_more = hp->owes_more;
	uint32_t i = 0;
	int rc = 0;

	while (!rc && i < hp->num_windows) {
		const struct window *w = &hp->windows[i];

		if (w->buf != buf || w->stream != stream || w->run.end > page || is_coming(hp, w) ||
		    !is_to_leave(w))
			i++;
		else if (!drop_nth(b, i, &rc))
			break;
	}
	hp->owes_more = owes_more;
	return rc;
}

/* ---- life ---- */

int buffer_track(struct handle_buffers *b, struct client_buffer *buf, struct tracker *tr)
{
	struct pages *p = calloc(1, sizeof(*p));
	int rc = -ENOMEM;

	if (!p)
		return rc;
	*p = (struct pages){ .home = b, .num = (uint32_t)(buf->t.len / TRACK_PAGE),
			     .read_only = buf->read_only, .patience = PATIENCE };
	p->state = calloc(p->num, 1);
	p->busy = calloc(p->num / PAGES_CHUNK + 1, sizeof(*p->busy));
	buf->pages = p;
	if (p->state && p->busy)
		rc = track_new(tr, buf->t.len, pages_touched, buf, &p->track);
	if (rc)
		return rc;
	buf->t.memory = track_library(p->track);
	buf->at = track_program(p->track);
	return 0;
}

void buffer_untrack(struct client_buffer *buf)
{
	struct pages *p = buf->pages;

	if (!p)
		return;
	track_free(p->track);
	free(p->state);
	free(p->busy);
	free(p);
	buf->pages = NULL;
}

int buffer_enter_tracked(struct handle_buffers *b)
{
	if (!b->tracked)
		b->tracked = calloc(1, sizeof(*b->tracked));
	return b->tracked ? 0 : -ENOMEM;
}

void buffer_leave_tracked(struct handle_buffers *b, struct client_buffer *buf)
{
	struct handle_pages *hp = b->tracked;
	struct pages *p = buf->pages;
	uint32_t kept = 0;

	pages_put(p, 0, p->num, 0, PAGE_ABSENT);
	pages_drop_kept(b, buf->wsid);
	p->left = true;
	for (uint32_t i = 0; i < hp->num_windows; i++)
		if (hp->windows[i].buf != buf)
			hp->windows[kept++] = hp->windows[i];
	hp->num_windows = kept;
	for (unsigned int i = 0; i < HOLDS; i++)
		if (hp->holds[i].buf == buf)
			hp->holds[i].buf = NULL;
}

void buffer_retire(struct handle_buffers *b, struct client_buffer *buf)
{
	SCOPED_LOCK(&b->release_lock); /* who is releasing may not have known that it goes */

	if (!buf->pages || pages_settle(b)) /* what is owed, and DROPs */
		return;
	pthread_mutex_lock(&b->lock);
	buffer_leave_tracked(b, buf);
	pthread_mutex_unlock(&b->lock);
}

void buffers_tracked_free(struct handle_buffers *b)
{
	if (!b->tracked)
		return;
	free(b->tracked->kept.at);
	free(b->tracked);
	b->tracked = NULL;
}

fpga_result client_buffers_before_read(struct handle_buffers *b)
{
	fpga_result r;
	int rc;

	if (!b->tracked || atomic_load_explicit(&b->tracked->count, memory_order_relaxed) <= PAGES_TO_READ)
		return FPGA_OK;
	r = conn_check(b->h->conn); /* the locks of a parent process are nobody's */
	if (r != FPGA_OK)
		return r;
	SCOPED_LOCK(&b->release_lock);
	pthread_mutex_lock(&b->lock);
	rc = pages_drop(b, PAGES_TO_READ);
	pthread_mutex_unlock(&b->lock);
	if (rc)
		conn_break(b->h->conn, rc);
	rc = pages_settle(b);
	return rc ? conn_check(b->h->conn) : FPGA_OK;
}
