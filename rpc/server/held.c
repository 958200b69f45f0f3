/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/server/held.h"

#include <errno.h>
#include <stdlib.h>

#define WORD 64u /* bits */

/* ---- pages ---- */

int held_init(struct held *h, size_t len)
{
	size_t pages = len / HELD_PAGE + !!(len % HELD_PAGE);

	*h = (struct held){ .bits = calloc(pages / WORD + 1, sizeof(uint64_t)), .pages = pages };
	return h->bits ? 0 : -ENOMEM;
}

void held_done(struct held *h)
{
	free(h->bits);
	*h = (struct held){ 0 };
}

static bool has(const struct held *h, size_t page)
{
	return h->bits[page / WORD] >> page % WORD & 1;
}

size_t held_next(const struct held *h, size_t page)
{
	size_t word;
	uint64_t bits;

	if (page < h->first)
		page = h->first;
	if (page >= h->end)
		return SIZE_MAX;
	word = page / WORD;
	bits = h->bits[word] & UINT64_MAX << page % WORD;
	while (!bits && ++word * WORD < h->end)
		bits = h->bits[word];
	return bits ? word * WORD + (size_t)__builtin_ctzll(bits) : SIZE_MAX;
}

void held_set(struct held *h, size_t from, size_t end)
{
	if (from >= end)
		return;
	if (!h->num || from < h->first)
		h->first = from;
	if (!h->num || end > h->end)
		h->end = end;
	for (size_t page = from; page < end; page++) {
		h->num += !has(h, page);
		h->bits[page / WORD] |= UINT64_C(1) << page % WORD;
	}
}

/* Behind the last held page below `end`, of which there is one. */
static size_t last_end(const struct held *h, size_t end)
{
	size_t word = (end - 1) / WORD;
	uint64_t bits = h->bits[word] & UINT64_MAX >> (WORD - 1 - (end - 1) % WORD);

	while (!bits)
		bits = h->bits[--word];
	return (word + 1) * WORD - (size_t)__builtin_clzll(bits);
}

void held_clear(struct held *h, size_t from, size_t end)
{
	from = from > h->first ? from : h->first;
	end = end < h->end ? end : h->end;
	for (size_t page = from; page < end; page++) {
		h->num -= has(h, page);
		h->bits[page / WORD] &= ~(UINT64_C(1) << page % WORD);
	}
	if (!h->num) {
		h->first = h->end = 0;
		return;
	}
	h->first = held_next(h, h->first);
	h->end = last_end(h, h->end);
}

bool held_all(const struct held *h, size_t from, size_t end)
{
	size_t page = from;

	while (page < end && page >= h->first && page < h->end && has(h, page))
		page++;
	return page >= end;
}

/* ---- claims ---- */

int claims_init(struct claims *c)
{
	*c = (struct claims){ .ring = calloc(CLAIMS_MAX, sizeof(*c->ring)) };
	return c->ring ? 0 : -ENOMEM;
}

void claims_done(struct claims *c)
{
	free(c->ring);
	*c = (struct claims){ 0 };
}

static struct claim *nth(const struct claims *c, uint32_t i)
{
	return &c->ring[(c->first + i) % CLAIMS_MAX];
}

bool claims_have_room(const struct claims *c, uint32_t num)
{
	return c->ring && num <= CLAIMS_MAX - c->num;
}

void claims_add(struct claims *c, const struct claim *claim)
{
	*nth(c, c->num++) = *claim;
}

void claims_forget(struct claims *c, uint64_t seen)
{
	while (c->num && nth(c, 0)->cut <= seen) {
		c->first = (c->first + 1) % CLAIMS_MAX;
		c->num--;
	}
}

/* What is left of a run without [from, end). */
static struct twin_run without(struct twin_run run, size_t from, size_t end)
{
	size_t at = run.at, to = run.at + run.len;

	if (from > at && end < to)
		return run;
	if (from <= at && end > at)
		at = end < to ? end : to;
	if (end >= to && from < to)
		to = from > at ? from : at;
	return (struct twin_run){ at, to - at };
}

void claims_drop(struct claims *c, uint64_t wsid, size_t from, size_t end)
{
	for (uint32_t i = 0; i < c->num; i++)
		if (nth(c, i)->wsid == wsid)
			nth(c, i)->run = without(nth(c, i)->run, from, end);
}

static int rising(const void *a, const void *b)
{
	const struct twin_run *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static uint32_t join(struct twin_run *runs, uint32_t num)
{
	uint32_t to = 0;

	qsort(runs, num, sizeof(*runs), rising);
	for (uint32_t i = 1; i < num; i++) {
		struct twin_run *last = &runs[to];
		size_t end = runs[i].at + runs[i].len;

		if (runs[i].at > last->at + last->len)
			runs[++to] = runs[i];
		else if (end > last->at + last->len)
			last->len = end - last->at;
	}
	return to + 1;
}

uint32_t claims_in(const struct claims *c, uint64_t wsid, size_t from, size_t end,
		   struct twin_run ret[CLAIMS_MAX])
{
	uint32_t num = 0;

	for (uint32_t i = 0; i < c->num; i++) {
		const struct claim *x = nth(c, i);
		size_t at = x->run.at > from ? x->run.at : from, to = x->run.at + x->run.len;

		to = to < end ? to : end;
		if (x->wsid == wsid && at < to)
			ret[num++] = (struct twin_run){ at, to - at };
	}
	return num > 1 ? join(ret, num) : num;
}
