/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/twin.h"

#include <string.h>

#define BLOCK 256u /* bytes that are compared before anybody asks which of them differ */

/* Races are what this file is for. */
#define RACY __attribute__((no_sanitize_thread))

typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((may_alias));
typedef uint64_t any_word __attribute__((aligned(1), may_alias));

/* len is a multiple of 16. */
RACY static inline __attribute__((always_inline)) bool same(const unsigned char *a, const unsigned char *b,
							    size_t len)
{
	pair d = { 0, 0 };

	for (size_t i = 0; i < len; i += sizeof(pair))
		d |= *(const pair *)(a + i) ^ *(const pair *)(b + i);
	return !(d[0] | d[1]);
}

RACY static bool piece_same(const struct twin *t, size_t from, size_t end)
{
	const unsigned char *a = t->memory, *b = t->twin;

	if (end - from == TWIN_LINE)
		return same(a + from, b + from, TWIN_LINE);
	if (end - from == TWIN_WORD)
		return *(const any_word *)(a + from) == *(const any_word *)(b + from);
	for (size_t i = from; i < end; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* The first byte in [from, end) that differs, or end. */
RACY static size_t first_news(const struct twin *t, size_t from, size_t end)
{
	const unsigned char *a = t->memory, *b = t->twin;

	while (end - from >= BLOCK && same(a + from, b + from, BLOCK))
		from += BLOCK;
	while (end - from >= sizeof(pair) && same(a + from, b + from, sizeof(pair)))
		from += sizeof(pair);
	while (from < end && a[from] == b[from])
		from++;
	return from;
}

/* Behind the last byte in [from, end) that differs; from: none does (any more). */
RACY static size_t last_news(const struct twin *t, size_t from, size_t end)
{
	while (end > from && t->memory[end - 1] == t->twin[end - 1])
		end--;
	return end;
}

bool twin_next(const struct twin *t, size_t from, size_t end, size_t max, size_t grain, struct twin_run *ret)
{
	size_t at = first_news(t, from, end), to = at, limit = end - at < max ? end : at + max;

	if (at == end)
		return false;
	while (to < limit) {
		size_t next = (to / grain + 1) * grain;

		if (next > limit)
			next = limit;
		if (to != at && piece_same(t, to, next))
			break;
		to = next;
	}
	to = last_news(t, at + 1, to);
	*ret = (struct twin_run){ at, to - at };
	return true;
}

/*
 * By words in rising order, and put() in falling order: what lies before other things in memory, as a flag
 * does before what it stands for, is read first and shown last.
 */
#define IN_ORDER 4096u /* bytes; of more it is not asked */

RACY void twin_copy(void *to, const void *from, size_t len)
{
#ifndef __SANITIZE_THREAD__
	if (len > IN_ORDER) {
		memcpy(to, from, len);
		return;
	}
#endif
	unsigned char *a = to;
	const volatile unsigned char *b = from; /* or a memcpy() would be made of it, which is checked */

	for (; len >= TWIN_WORD; len -= TWIN_WORD, a += TWIN_WORD, b += TWIN_WORD)
		*(volatile any_word *)a = *(const volatile any_word *)b;
	for (; len; len--)
		*(volatile unsigned char *)a++ = *b++;
}

void twin_read(const struct twin *t, const struct twin_run *run, void *out)
{
	twin_copy(out, t->memory + run->at, run->len);
	twin_copy(t->twin + run->at, out, run->len);
}

/* ---- merging ---- */

/* All bits of each byte that is not 0. */
static inline uint64_t spread(uint64_t v)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);

	v = (((v & low) + low) | v) & ~low;
	return (v >> 7) * 0xff;
}

/* One word of the memory, at an address that is a multiple of its size. */
RACY static inline void put_word(word *at, uint64_t twin, uint64_t come, bool keep)
{
	uint64_t here = __atomic_load_n(at, __ATOMIC_RELAXED);

	for (;;) {
		uint64_t mask = spread(come ^ twin);

		if (keep)
			mask &= ~spread(here ^ twin);
		if (mask == UINT64_MAX) {
			__atomic_store_n(at, come, __ATOMIC_RELEASE);
			return;
		}
		if (!mask || __atomic_compare_exchange_n(at, &here, (here & ~mask) | (come & mask), true,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
}

/* The word of the memory that begins at `at`, of which only [from, to) has come. */
RACY static void put_part(const struct twin *t, size_t at, size_t from, size_t to, const unsigned char *come,
			  bool keep)
{
	uint64_t twin = *(const any_word *)(t->twin + at), news = twin;

	if (to - from == TWIN_WORD)
		news = *(const any_word *)come;
	else
		memcpy((char *)&news + (from - at), come, to - from);
	if (news == twin)
		return;
	put_word((word *)(void *)(t->memory + at), twin, news, keep);
	*(any_word *)(t->twin + at) = news;
}

/* Where the memory begins or ends inside a word. */
RACY static void put_bytes(const struct twin *t, size_t from, size_t to, const unsigned char *come, bool keep)
{
	for (; from < to; from++, come++) {
		if (*come != t->twin[from] && (!keep || t->memory[from] == t->twin[from]))
			t->memory[from] = *come;
		t->twin[from] = *come;
	}
}

/* The last piece of [at, end): a word, or what of one has come or is there. Returns where it begins. */
RACY static size_t put_last(const struct twin *t, size_t at, size_t end, const unsigned char *come, bool keep)
{
	/* words begin where offset + skew is a multiple of 8 */
	size_t skew = (uintptr_t)t->memory % TWIN_WORD;
	size_t over = (end + skew) % TWIN_WORD, word_at = end - (over ? over : TWIN_WORD), from;
	bool outside = (over ? over : TWIN_WORD) > end || word_at + TWIN_WORD > t->len;

	from = !outside && word_at > at ? word_at : at;
	if (outside && end - at > (over ? over : TWIN_WORD))
		from = end - (over ? over : TWIN_WORD);
	if (outside)
		put_bytes(t, from, end, come + (from - at), keep);
	else
		put_part(t, word_at, from, end, come + (from - at), keep);
	return from;
}

RACY static void put(const struct twin *t, size_t at, const unsigned char *come, size_t len, bool keep)
{
	size_t end = at + len;

	while (end > at)
		end = put_last(t, at, end, come, keep);
}

void twin_merge(const struct twin *t, size_t at, const void *come, size_t len)
{
	put(t, at, come, len, true);
}

void twin_apply(const struct twin *t, size_t at, const void *come, size_t len)
{
	put(t, at, come, len, false);
}
