/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A look: what the device changed since the last one is put down and told. Of buffers that are not tracked
 * everything is compared with the twin, of those that are the held pages (cut.c), and what a HOLD asks for.
 *
 * A program polls a flag and then reads what it stands for, elsewhere. So that no flag comes without its
 * data, a look goes over everything in passes until nothing more is found: until each place has been looked
 * at since the last find. Pages that do not come to rest are STALE, and are asked for again. Of buffers that
 * are not tracked there is no such thing: there short runs, which flags are, are told last, the shortest of
 * one look behind all others. (Of two that are as short the order may be lost.)
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "rpc/server/buffers-internal.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

#define PASSES 6u	     /* over everything, while there is something new */
#define HELD_PASSES 4u	     /* of these, before what is found on held pages makes them STALE */
#define SLICE (512u * 1024) /* bytes that are compared with the lock held */

struct look {
	struct session_buffers *b;
	struct news n;
	struct cut cut;
	struct hold *hold; /* NULL: nothing is asked for */
	unsigned int asked; /* finds there */
	unsigned int passes; /* that are behind us */
	unsigned int before; /* finds in these */
	struct place last;   /* behind the last find in the list */
	size_t late_ends[PASSES]; /* of n.late, after each pass */
};

/* Those after which everything is to be looked at once more. */
static unsigned int finds(const struct look *l)
{
	return l->n.runs + l->cut.runs + l->asked;
}

/* ---- what is not tracked ---- */

static int send_found(struct look *l)
{
	struct iovec iov = { l->n.out, l->n.used };
	int rc = l->n.used ? rpc_link_send_iov(session_link(l->b->s), &iov, 1, clock_deadline(SEND_NS)) : 0;

	l->n.used = 0;
	return rc;
}

/* Gathers from [*from, end), but for what is being placed. True: up to the end. */
static bool gather(struct look *l, const struct session_buffer *buf, size_t *from, size_t end)
{
	struct session_buffers *b = l->b;
	SCOPED_LOCK(&b->lock);

	if (b->placing != buf || b->placing_to <= *from || b->placing_from >= end)
		return news_gather(&l->n, &buf->t, buf->wsid, from, end);
	if (*from < b->placing_from && !news_gather(&l->n, &buf->t, buf->wsid, from, b->placing_from))
		return false;
	*from = b->placing_to < end ? b->placing_to : end;
	return *from == end || news_gather(&l->n, &buf->t, buf->wsid, from, end);
}

/* The bytes that were looked at. */
static int look_at_all(struct look *l, const struct session_buffer *buf, size_t *from, size_t *bytes)
{
	size_t left = buf->t.len - *from, most = *bytes < SLICE ? *bytes : SLICE;
	size_t end = *from + (left < most ? left : most);
	int rc = 0;

	*bytes -= end - *from;
	while (!rc && !gather(l, buf, from, end))
		rc = send_found(l);
	return rc;
}

struct late {
	struct iovec frame;
	unsigned int pass;
};

/*
 * The longest go first: data that comes too early does no harm, a flag does. Of those that are as long, what
 * a later pass found at a higher place is the newer, for the earlier pass had looked there after the other;
 * of one pass what lies behind in memory goes first, for status lines begin with their flag.
 */
static int later(const void *a, const void *b)
{
	const struct late *x = a, *y = b;

	if (x->frame.iov_len != y->frame.iov_len)
		return (x->frame.iov_len > y->frame.iov_len) == !MUTANT_push_first ? -1 : 1;
	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	return x->frame.iov_base > y->frame.iov_base ? -1 : 1;
}

/* What was put aside, in order; how many. */
static int sort_late(const struct look *l, struct iovec iov[NEWS_LATE_FRAMES])
{
	struct late list[NEWS_LATE_FRAMES];
	const struct news *n = &l->n;
	unsigned int pass = 0;
	int num = 0;

	for (size_t at = 0; at < n->late_used; at += list[num++].frame.iov_len) {
		while (at >= l->late_ends[pass])
			pass++;
		list[num] = (struct late){ { n->late + at, bytes_get32(n->late + at) }, pass };
	}
	if (num > 1)
		qsort(list, (size_t)num, sizeof(list[0]), later);
	for (int i = 0; i < num; i++)
		iov[i] = list[i].frame;
	return num;
}

static int send_late(struct look *l, struct iovec *iov, int num)
{
	return num ? rpc_link_send_iov(session_link(l->b->s), iov, num, clock_deadline(SEND_NS)) : 0;
}

/* The cut goes between what is longer than its shortest run, or as long, and what is shorter. */
static int tell(struct look *l)
{
	struct iovec iov[NEWS_LATE_FRAMES];
	int num = sort_late(l, iov), longer = 0, rc = send_found(l);

	while (longer < num && iov[longer].iov_len - WIRE_HEAD - NEWS_FIXED >= l->cut.shortest)
		longer++;
	if (!rc)
		rc = send_late(l, iov, longer);
	if (!rc)
		rc = cut_end(l->b, &l->cut);
	return rc ? rc : send_late(l, iov + longer, num - longer);
}

/* ---- what is tracked ---- */

static bool is_placing(const struct session_buffers *b, const struct session_buffer *buf, size_t page)
{
	return b->placing == buf && b->placing_to > page * HELD_PAGE &&
	       b->placing_from < (page + 1) * HELD_PAGE;
}

/* Held pages from *from on; *from is the buffer's end when there are no more. */
static void look_at_held(struct look *l, struct session_buffer *buf, size_t *from, size_t *bytes)
{
	struct session_buffers *b = l->b;
	size_t page = *from / HELD_PAGE, most = *bytes < SLICE ? *bytes : SLICE, done = 0;
	SCOPED_LOCK(&b->lock);

	for (; done < most && !cut_is_full(&l->cut); page++, done += HELD_PAGE) {
		page = held_next(&buf->held, page);
		if (page == SIZE_MAX)
			break;
		if (!is_placing(b, buf, page))
			cut_page(b, buf, page, &l->cut);
	}
	*bytes -= done < *bytes ? done : *bytes;
	*from = page < buf->t.len / HELD_PAGE + 1 ? page * HELD_PAGE : buf->t.len;
}

/* The twin takes what is new in the asked pages; in the last passes those that do not rest are out. */
static void look_at_asked(struct look *l)
{
	struct hold *h = l->hold;
	struct twin *t = &h->buf->t;
	SCOPED_LOCK(&l->b->lock);

	for (size_t i = 0; i < h->given; i++) {
		size_t from = (h->page + i) * HELD_PAGE, left = t->len - from;
		size_t end = from + (left < HELD_PAGE ? left : HELD_PAGE);

		if (l->cut.closing && !(!i && h->insist)) {
			if (twin_differs(t, from, end))
				h->given = i;
			continue;
		}
		uint64_t lines = twin_take(t, from, end);

		h->lines[i] |= lines;
		l->asked += lines && !l->cut.closing;
		/* given all the same: so what is held has to be looked at behind it, to the end */
		if (lines && l->cut.closing)
			l->last = (struct place){ UINT32_MAX, 0 };
	}
}

/* ---- both ---- */

static int look_at(struct look *l, struct session_buffer *buf, struct place *at, size_t *bytes)
{
	unsigned int before = finds(l);
	int rc = 0;

	if (!buf->tracked)
		rc = look_at_all(l, buf, &at->from, bytes);
	else if (cut_is_full(&l->cut))
		rc = cut_send(l->b, &l->cut);
	else
		look_at_held(l, buf, &at->from, bytes);
	if (finds(l) != before)
		l->last = *at;
	return rc;
}

/* Nothing was found in this pass up to here, nor in the one before from here on. */
static bool is_quiet(const struct look *l, const struct place *at)
{
	bool behind = at->index > l->last.index || (at->index == l->last.index && at->from >= l->last.from);

	return l->passes && finds(l) == l->before && behind;
}

/* Looks at `bytes` of the list from *at on. */
static int scan(struct look *l, struct place *at, size_t bytes)
{
	struct session_buffers *b = l->b;
	int rc = 0;

	while (!rc && bytes && at->index < b->num && !is_quiet(l, at)) {
		struct session_buffer *buf = b->list[at->index];

		if (!buf || !buf->t.twin || at->from >= buf->t.len)
			*at = (struct place){ at->index + 1, 0 };
		else
			rc = look_at(l, buf, at, &bytes);
	}
	return rc;
}

/* *again: there was something new. */
static int pass(struct look *l, struct place *at, size_t bytes, bool *again)
{
	int rc;

	l->before = finds(l);
	l->n.closed = l->passes + 1 == PASSES; /* a flag that is found only now waits for the next look */
	l->cut.closing = l->passes + 1 >= HELD_PASSES;
	if (l->hold)
		look_at_asked(l);
	if (l->asked)
		exposed_give_way(l->b);
	/* where nothing is new of what is asked for, nobody will see by it what else may be new */
	rc = l->hold && !l->passes && !l->asked ? 0 : scan(l, at, bytes);
	l->late_ends[l->passes++] = l->n.late_used;
	*again = finds(l) != l->before;
	return rc;
}

static int look_until_quiet(struct look *l, struct place *at, size_t bytes)
{
	bool part = at->index || at->from, again;
	int rc = pass(l, at, bytes, &again);

	if (part || at->index < l->b->num)
		l->last = (struct place){ UINT32_MAX, 0 };
	while (!rc && again && l->passes < PASSES) {
		struct place start = { 0 };

		rc = pass(l, &start, SIZE_MAX, &again);
	}
	return rc ? rc : tell(l);
}

int look_and_tell(struct session_buffers *b, struct place *at, size_t bytes, struct hold *hold,
		  unsigned int *found)
{
	struct look l = { .b = b, .hold = hold };
	int rc;

	l.n = (struct news){ .op = WIRE_DATA, .handle = b->h->id, .out = b->out,
			     .bulk = news_bulk(session_link(b->s)->peer_max),
			     .late = b->out ? b->out + NEWS_ROOM : NULL };
	cut_init(&l.cut, b->cut_out);
	rc = look_until_quiet(&l, at, bytes);
	if (at->index >= b->num)
		*at = (struct place){ 0 };
	*found = finds(&l) + l.cut.stales;
	return rc;
}
