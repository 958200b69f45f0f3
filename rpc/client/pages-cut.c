/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the device did, as the server tells it: DATA and STALE, which are kept until CUT says that they are
 * all. What is of pages that nobody sees goes to its place at once, for of what HOLD brings there is a lot;
 * but not ahead of what is kept. All of it is under lock, on the thread that reads.
 */
#include "rpc/client/conn.h"
#include "rpc/client/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"

struct piece {
	uint64_t wsid, offset, len; /* not 0 */
	bool stale; /* no bytes follow */
};

/* ---- keeping ---- */

static int make_room(struct kept *k, size_t more)
{
	size_t room = k->room ? k->room : 4096;
	unsigned char *grown;

	while (room - k->used < more)
		room *= 2;
	if (room == k->room)
		return 0;
	grown = realloc(k->at, room);
	if (!grown)
		return -ENOMEM;
	k->at = grown;
	k->room = room;
	return 0;
}

/* Each piece has a byte of DATA or a STALE page at least, so these two bound their number, too. */
static int check_more(const struct kept *k, const struct piece *piece)
{
	if (piece->stale)
		return piece->len / TRACK_PAGE > PAGES_HERE_MAX - k->stale ? -EOVERFLOW : 0;
	return piece->len > WIRE_CUT_MAX - k->data ? -EOVERFLOW : 0;
}

/* `sign` 1: the piece is kept; -1: not any more. */
static void count_piece(struct kept *k, const struct piece *piece, int sign)
{
	if (piece->stale)
		k->stale += (uint32_t)sign * (uint32_t)(piece->len / TRACK_PAGE);
	else
		k->data += (size_t)sign * (size_t)piece->len;
}

/* False: the link is broken; the reason is said here, for the reader knows none. */
static bool keep(struct handle_buffers *b, const struct piece *piece, const void *data)
{
	struct kept *k = &b->tracked->kept;
	size_t len = piece->stale ? 0 : (size_t)piece->len;
	int rc = check_more(k, piece);

	if (!rc)
		rc = make_room(k, sizeof(*piece) + len);
	if (rc) {
		debug("a cut with %zu bytes and %u stale pages so far cannot be kept: errno %d", k->data,
		      k->stale, -rc);
		rpc_link_break(&b->h->conn->link, rc);
		return false;
	}
	memcpy(k->at + k->used, piece, sizeof(*piece));
	if (len)
		memcpy(k->at + k->used + sizeof(*piece), data, len);
	k->used += sizeof(*piece) + len;
	count_piece(k, piece, 1);
	return true;
}

void pages_drop_kept(struct handle_buffers *b, uint64_t wsid)
{
	struct kept *k = &b->tracked->kept;
	size_t at = 0, used = 0;

	while (at < k->used) {
		struct piece piece;
		size_t len;

		memcpy(&piece, k->at + at, sizeof(piece));
		len = sizeof(piece) + (piece.stale ? 0 : (size_t)piece.len);
		if (piece.wsid == wsid) {
			count_piece(k, &piece, -1);
		} else {
			memmove(k->at + used, k->at + at, len);
			used += len;
		}
		at += len;
	}
	k->used = used;
}

/* The next piece from *at on, of a buffer that there still is. */
static struct client_buffer *next_piece(struct handle_buffers *b, size_t *at, struct piece *ret,
					const unsigned char **data)
{
	const struct kept *k = &b->tracked->kept;
	struct client_buffer *buf = NULL;

	while (!buf && *at < k->used) {
		memcpy(ret, k->at + *at, sizeof(*ret));
		*data = k->at + *at + sizeof(*ret);
		*at += sizeof(*ret) + (ret->stale ? 0 : (size_t)ret->len);
		buf = buffer_any(b, ret->wsid);
	}
	return buf;
}

static bool is_watched(const struct pages *p, uint64_t offset, size_t len)
{
	for (uint64_t i = offset / TRACK_PAGE; i <= (offset + len - 1) / TRACK_PAGE; i++)
		if (page_state(p, (uint32_t)i) >= PAGE_READY)
			return true;
	return false;
}

bool pages_data(struct handle_buffers *b, struct client_buffer *buf, uint64_t offset, const void *data,
		size_t len)
{
	struct piece piece = { buf->wsid, offset, len, false };

	if (!len)
		return false;
	/* from a link that is lost nothing is taken: its pages may be plain memory of the program's by now */
	if (buf->read_only || conn_lost(b->h->conn))
		return true;
	if (b->tracked->kept.used || is_watched(buf->pages, offset, len))
		return keep(b, &piece, data);
	twin_copy(buf->t.memory + offset, data, len);
	return true;
}

/* What a HOLD brings, which is hidden, and no cut's. */
bool client_buffers_fetch(struct handle_buffers *b, struct wire_reader *body)
{
	uint64_t wsid = wire_get_u64(body), offset = wire_get_u64(body), len = wire_get_u64(body);
	struct client_buffer *buf;
	SCOPED_LOCK(&b->lock);

	if (body->bad || !b->tracked)
		return false;
	buf = buffer_any(b, wsid);
	if (!buf)
		return direct_skip_fetch(b->h);
	if (!buf->pages || buf->read_only || !len || len > buf->t.len || offset > buf->t.len - len)
		return false;
	if (conn_lost(b->h->conn))
		return true;
	if (buf->pages->left)
		return direct_skip_fetch(b->h);
	return !b->tracked->kept.used && !is_watched(buf->pages, offset, (size_t)len) &&
	       direct_fetch(b->h, buf, offset, len);
}

bool client_buffers_stale(struct handle_buffers *b, struct wire_reader *body)
{
	struct piece piece = { .stale = true };
	struct client_buffer *buf;
	SCOPED_LOCK(&b->lock);

	piece.wsid = wire_get_u64(body);
	piece.offset = wire_get_u64(body);
	piece.len = wire_get_u64(body);
	if (body->bad || !b->tracked)
		return false;
	buf = buffer_any(b, piece.wsid);
	if (!buf) /* it was released while this was on its way */
		return true;
	if (!buf->pages || buf->read_only || (piece.offset | piece.len) % TRACK_PAGE || !piece.len ||
	    piece.len > buf->t.len || piece.offset > buf->t.len - piece.len)
		return false;
	/* what is released holds nothing any more; and from a link that is lost nothing is taken */
	return buf->pages->left || conn_lost(b->h->conn) || keep(b, &piece, NULL);
}

/* ---- the cut ---- */

/* Pieces [from, end) of what is kept, all that there are of a page. */
struct group {
	size_t from, end;
	uint64_t wsid, page, word;
	bool single; /* one word has all of them */
};

struct cut {
	struct handle_buffers *b;
	struct group last; /* single: its page is not hidden, and it is put last; from == end: none */
};

static bool is_of(const struct group *g, const struct piece *piece)
{
	return piece->wsid == g->wsid && piece->offset / TRACK_PAGE == g->page;
}

static void add_piece(struct group *g, const struct piece *piece, size_t from, size_t end)
{
	uint64_t word = piece->offset / TWIN_WORD;
	bool single = (piece->offset + piece->len - 1) / TWIN_WORD == word;

	if (is_of(g, piece) && g->end)
		single = single && g->single && word == g->word;
	else
		*g = (struct group){ .from = from, .wsid = piece->wsid, .page = piece->offset / TRACK_PAGE };
	g->word = word;
	g->single = single;
	g->end = end;
}

/* A later pass may have found something on its page again. */
static bool has_others(struct handle_buffers *b, const struct group *g)
{
	size_t at = 0;
	const unsigned char *data;
	struct piece piece;

	while (next_piece(b, &at, &piece, &data))
		if (!piece.stale && is_of(g, &piece) && (at <= g->from || at > g->end))
			return true;
	return false;
}

/* The last page of which a single word changes: who polls it does not have to wait. */
static struct group find_last(struct handle_buffers *b)
{
	struct group g = { 0 }, last = { 0 };
	const unsigned char *data;
	struct piece piece;
	size_t at = 0;

	while (next_piece(b, &at, &piece, &data)) {
		if (piece.stale)
			continue;
		if (g.single && !is_of(&g, &piece))
			last = g;
		add_piece(&g, &piece, (size_t)(data - b->tracked->kept.at) - sizeof(piece), at);
	}
	if (g.single)
		last = g;
	if (has_others(b, &last))
		last.end = last.from;
	return last;
}

static int hide_run(struct pages *p, uint32_t from, uint32_t end)
{
	int rc = end > from ? pages_hide(p, from, end) : 0;

	pages_put(p, from, end, ~0u, PAGE_IN_CUT);
	return rc;
}

/* What is HERE of [from, end) and not hidden yet. */
static int hide_pages(struct pages *p, uint32_t from, uint32_t end)
{
	uint32_t shown = from;
	int rc = 0;

	for (uint32_t i = from; i <= end && !rc; i++)
		if (i == end || page_state(p, i) != PAGE_HERE || p->state[i] & PAGE_IN_CUT) {
			rc = hide_run(p, shown, i);
			shown = i + 1;
		}
	return rc;
}

static void show_pages(struct pages *p, uint32_t from, uint32_t end)
{
	uint32_t hidden = from;

	for (uint32_t i = from; i <= end; i++) {
		if (i < end && p->state[i] & PAGE_IN_CUT) {
			pages_put(p, i, i + 1, ~PAGE_IN_CUT, 0);
			continue;
		}
		if (i > hidden)
			pages_show(p, hidden, i);
		hidden = i + 1;
	}
}

/*
 * What is COMING was said to be STALE before the server carried out the HOLD: it holds these pages anew when
 * it sends the reply, which nothing overtakes, and the bytes in front of that are newer.
 */
static void make_stale(struct pages *p, uint32_t from, uint32_t end)
{
	for (uint32_t i = from; i < end; i++)
		if (page_state(p, i) != PAGE_COMING)
			pages_put(p, i, i + 1, PAGE_OWED, PAGE_ABSENT);
}

enum step { HIDE, STALE, STORE, SHOW };

static int piece_step(struct client_buffer *buf, const struct piece *piece, const unsigned char *data,
		      enum step step)
{
	struct pages *p = buf->pages;
	uint32_t from = (uint32_t)(piece->offset / TRACK_PAGE);
	uint32_t end = (uint32_t)((piece->offset + piece->len - 1) / TRACK_PAGE) + 1;

	if (step == HIDE)
		return hide_pages(p, from, end);
	if (step == STALE && piece->stale)
		make_stale(p, from, end);
	if (step == STORE && !piece->stale)
		twin_copy(buf->t.memory + piece->offset, data, piece->len);
	if (step == SHOW && !piece->stale)
		show_pages(p, from, end);
	return 0;
}

static int all_pieces(struct cut *c, enum step step)
{
	const unsigned char *data;
	struct client_buffer *buf;
	struct piece piece;
	size_t at = 0;
	int rc = 0;

	while (!rc && (buf = next_piece(c->b, &at, &piece, &data)))
		if (piece.stale || at <= c->last.from || at > c->last.end)
			rc = piece_step(buf, &piece, data, step);
	return rc;
}

static void store_last(struct cut *c)
{
	size_t at = c->last.from, word_at = (size_t)c->last.word * TWIN_WORD;
	unsigned char come[TWIN_WORD] = { 0 }, mask[TWIN_WORD] = { 0 };
	struct client_buffer *buf = NULL, *its;
	const unsigned char *data;
	struct piece piece;

	while (at < c->last.end && (its = next_piece(c->b, &at, &piece, &data))) {
		if (piece.stale)
			continue;
		memcpy(come + (piece.offset - word_at), data, piece.len);
		memset(mask + (piece.offset - word_at), 0xff, piece.len);
		buf = its;
	}
	if (buf)
		twin_put(&buf->t, word_at, come, mask);
}

bool client_buffers_cut(struct handle_buffers *b, struct wire_reader *body)
{
	uint64_t number = wire_get_u64(body);
	struct cut c = { .b = b };
	SCOPED_LOCK(&b->lock);

	if (body->bad || !b->tracked || number != b->tracked->seen + 1)
		return false;
	if (conn_lost(b->h->conn))
		return true;
	c.last = find_last(b);
	if (MUTANT_push_first)
		all_pieces(&c, STORE);
	if (all_pieces(&c, HIDE))
		return false;
	all_pieces(&c, STALE);
	all_pieces(&c, STORE);
	store_last(&c);
	all_pieces(&c, SHOW);
	b->tracked->seen = number;
	b->tracked->kept.used = b->tracked->kept.data = b->tracked->kept.stale = 0;
	conn_stir(b->h->conn);
	return true;
}
