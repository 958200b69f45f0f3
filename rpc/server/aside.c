/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/server/aside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS 64u /* of a word of the mask */

int asides_init(struct asides *a)
{
	*a = (struct asides){ .list = calloc(ASIDES_MAX + 1, sizeof(*a->list)) };
	return a->list ? 0 : -ENOMEM;
}

void asides_done(struct asides *a)
{
	free(a->list);
	*a = (struct asides){ 0 };
}

/* ---- which bytes ---- */

static bool has(const struct aside *x, size_t i)
{
	return x->mask[i / BITS] >> i % BITS & 1;
}

static void clear(struct aside *x, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		x->size -= has(x, i);
		x->mask[i / BITS] &= ~(UINT64_C(1) << i % BITS);
	}
}

/* Races with the device, which may write to a buffer that has no twin: any answer will do. */
#define RACY __attribute__((no_sanitize_thread))

typedef unsigned char bytes __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t any_word __attribute__((aligned(1), may_alias));

/* Of up to 255 pieces of 16 bytes: how many bytes differ. */
RACY static unsigned int differing(const unsigned char *come, const unsigned char *was, size_t pieces)
{
	bytes sums = { 0 };
	unsigned int n = 0;

	for (size_t i = 0; i < pieces; i++) {
		const size_t at = i * sizeof(bytes);

		sums -= (bytes)(*(const bytes *)(come + at) != *(const bytes *)(was + at));
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		n += sums[i];
	return n;
}

/* Most pages of which much changes are known by their first part. */
static bool much_differs(const unsigned char *come, const unsigned char *was, size_t len)
{
	const size_t part = 2 * ASIDE_BYTES;
	unsigned int n = 0;

	for (size_t at = 0; len - at >= part && n <= ASIDE_BYTES; at += part)
		n += differing(come + at, was + at, part / sizeof(bytes));
	return n > ASIDE_BYTES;
}

/* A bit for each byte that is not 0. */
static uint64_t bits_of(uint64_t v)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);

	v = (((v & low) + low) | v) & ~low;
	return (v >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

RACY static void mark(struct aside *x, size_t at, uint64_t come, uint64_t was)
{
	uint64_t bits = bits_of(come ^ was);

	x->mask[at / BITS] |= bits << at % BITS;
	x->size += (unsigned int)__builtin_popcountll(bits);
}

/* Marks what differs; false: it is too much. */
RACY static bool compare(struct aside *x, const unsigned char *come, const unsigned char *was)
{
	size_t i = 0;

	if (much_differs(come, was, x->len))
		return false;
	for (; x->len - i >= TWIN_WORD; i += TWIN_WORD)
		if (*(const any_word *)(come + i) != *(const any_word *)(was + i))
			mark(x, i, *(const any_word *)(come + i), *(const any_word *)(was + i));
	for (; i < x->len; i++)
		if (come[i] != was[i]) {
			x->mask[i / BITS] |= UINT64_C(1) << i % BITS;
			x->size++;
		}
	return x->size <= ASIDE_BYTES;
}

/* Changed bytes in [from, end). */
static unsigned int count(const struct aside *x, size_t from, size_t end)
{
	unsigned int n = 0;

	for (size_t i = from; i < end; i++)
		n += has(x, i);
	return n;
}

/* Behind the first changed word. */
static size_t front_end(const struct aside *x)
{
	size_t i = 0, at;

	while (!x->mask[i])
		i++;
	at = i * BITS + (size_t)__builtin_ctzll(x->mask[i]);
	at = (at / TWIN_WORD + 1) * TWIN_WORD;
	return at < x->len ? at : x->len;
}

/* ---- making changes ---- */

/* Those in [from, end) of a word of the mask, `at` bytes into the page. */
static uint64_t wanted(uint64_t mask, size_t at, size_t from, size_t end)
{
	if (from > at)
		mask &= from - at < BITS ? UINT64_MAX << (from - at) : 0;
	if (end < at + BITS)
		mask &= end > at ? UINT64_MAX >> (at + BITS - end) : 0;
	return mask;
}

/* What changes of 64 bytes, from the end to the beginning: whole words, whose other bytes stay. */
static void change_some(const struct aside *x, const struct twin *t, size_t at, uint64_t mask)
{
	unsigned char come[TWIN_WORD];

	while (mask) {
		size_t last = BITS - 1 - (size_t)__builtin_clzll(mask), word = last / TWIN_WORD * TWIN_WORD;
		size_t len = x->len - at - word < TWIN_WORD ? x->len - at - word : TWIN_WORD;

		memcpy(come, t->twin + at + word, len);
		for (size_t i = 0; i < len; i++)
			if (mask >> (word + i) & 1)
				come[i] = x->data[at + word + i];
		twin_apply(t, at + word, come, len);
		mask &= ~(UINT64_C(0xff) << word);
	}
}

/* Those in [from, end) of the page. */
static void change(const struct aside *x, size_t from, size_t end)
{
	unsigned char was[HELD_PAGE];
	struct twin t = { x->t->memory + x->page, x->t->twin ? x->t->twin + x->page : was, x->len };

	if (!x->t->twin)
		memcpy(was, t.memory, x->len);
	for (size_t i = HELD_PAGE / BITS; i-- > 0;) {
		uint64_t mask = wanted(x->mask[i], i * BITS, from, end);

		if (mask)
			change_some(x, &t, i * BITS, mask);
	}
}

/* A page's changes, or of a few the first word and what is behind it. */
struct piece {
	const struct aside *x;
	size_t from, end;
	unsigned int size;
	bool front;
};

static int later(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->front != y->front)
		return x->front ? 1 : -1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->x->size != y->x->size)
		return x->x->size > y->x->size ? -1 : 1;
	return x->x->order < y->x->order ? -1 : 1;
}

static unsigned int cut_up(const struct aside *x, struct piece to[2])
{
	size_t front = x->size && x->size <= ASIDE_SHORT ? front_end(x) : 0;
	unsigned int first = count(x, 0, front), num = 0;

	if (x->size > first)
		to[num++] = (struct piece){ x, front, x->len, x->size - first, false };
	if (first)
		to[num++] = (struct piece){ x, 0, front, first, true };
	return num;
}

void asides_settle(struct asides *a)
{
	struct piece list[2 * ASIDES_MAX];
	unsigned int num = 0;

	for (unsigned int i = 0; i < a->num; i++)
		num += cut_up(&a->list[i], list + num);
	if (num > 1)
		qsort(list, num, sizeof(list[0]), later);
	for (unsigned int i = 0; i < num; i++)
		change(list[i].x, list[i].from, list[i].end);
	a->num = 0;
}

/* ---- the list ---- */

static struct aside *find(struct asides *a, const struct twin *t, size_t page)
{
	for (unsigned int i = 0; i < a->num; i++)
		if (a->list[i].t == t && a->list[i].page == page)
			return &a->list[i];
	return NULL;
}

static void forget(struct asides *a, struct aside *x)
{
	if (x == &a->list[a->num])
		return;
	if (x != &a->list[--a->num])
		*x = a->list[a->num];
}

/* Where there are too many, the longest change is made, and of equal ones the oldest. */
static void keep(struct asides *a, struct aside *x)
{
	struct aside *longest = a->list;

	a->num += x == &a->list[a->num];
	if (a->num <= ASIDES_MAX)
		return;
	for (unsigned int i = 1; i < a->num; i++)
		if (a->list[i].size > longest->size ||
		    (a->list[i].size == longest->size && a->list[i].order < longest->order))
			longest = &a->list[i];
	change(longest, 0, longest->len);
	forget(a, longest);
}

bool asides_put(struct asides *a, const struct twin *t, size_t page, const unsigned char *come, size_t len,
		const struct twin_run *claimed, unsigned int num)
{
	struct aside *x = find(a, t, page);

	if (!x)
		x = &a->list[a->num];
	x->t = t;
	x->page = page;
	x->len = len;
	x->order = ++a->orders;
	x->size = 0;
	memset(x->mask, 0, sizeof(x->mask));
	if (!compare(x, come, (t->twin ? t->twin : t->memory) + page)) {
		forget(a, x);
		return false;
	}
	for (unsigned int i = 0; i < num; i++) {
		size_t from = claimed[i].at > page ? claimed[i].at - page : 0;
		size_t end = claimed[i].at + claimed[i].len - page;

		clear(x, from, end < len ? end : len);
	}
	if (!x->size) {
		forget(a, x);
		return true;
	}
	memcpy(x->data, come, len);
	keep(a, x);
	return true;
}

void asides_make(struct asides *a, const struct twin *t, size_t from, size_t end)
{
	for (unsigned int i = a->num; i-- > 0;)
		if (a->list[i].t == t && a->list[i].page >= from && a->list[i].page < end) {
			change(&a->list[i], 0, a->list[i].len);
			forget(a, &a->list[i]);
		}
}

void asides_drop(struct asides *a, const struct twin *t)
{
	for (unsigned int i = a->num; i-- > 0;)
		if (a->list[i].t == t)
			forget(a, &a->list[i]);
}

void asides_lose(struct asides *a, const struct twin *t, const struct twin_run *run)
{
	size_t page = run->at - run->at % HELD_PAGE;
	struct aside *x = a->num ? find(a, t, page) : NULL;

	if (x)
		clear(x, run->at - page, run->at - page + run->len);
}
