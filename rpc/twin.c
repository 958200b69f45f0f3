/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/twin.h"

#include <string.h>

#define BLOCK 256u /* bytes that are compared before anybody asks which of them differ */

/* Races are what this file is for. */
#define RACY __attribute__((no_sanitize_thread))

typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));
typedef unsigned char bytes __attribute__((vector_size(16), aligned(1), may_alias));
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

/* Where the word begins that has the byte at `at`, or the memory. */
static size_t word_begin(const struct twin *t, size_t at)
{
	size_t over = ((uintptr_t)t->memory + at) % TWIN_WORD;

	return at < over ? 0 : at - over;
}

static size_t word_end(const struct twin *t, size_t at, size_t end)
{
	size_t more = -((uintptr_t)t->memory + at) % TWIN_WORD;

	return end - at < more ? end : at + more;
}

bool twin_next(const struct twin *t, size_t from, size_t end, size_t max, size_t grain, struct twin_run *ret)
{
	size_t at = first_news(t, from, end), to = at, begin = word_begin(t, at);
	size_t limit = end - begin <= max ? end : word_begin(t, begin + max);

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
RACY void twin_copy(void *to, const void *from, size_t len)
{
	unsigned char *a = to;
	const volatile unsigned char *b = from; /* volatile, or a memcpy() would be made of it */

	for (; len && (uintptr_t)b % TWIN_WORD; len--)
		*(volatile unsigned char *)a++ = *b++;
	if (len >= TWIN_WORD && (uintptr_t)b % sizeof(pair)) {
		*(volatile any_word *)a = *(const volatile any_word *)b;
		len -= TWIN_WORD, a += TWIN_WORD, b += TWIN_WORD;
	}
	/* each half of an aligned pair is read at one time */
	for (; len >= sizeof(pair); len -= sizeof(pair), a += sizeof(pair), b += sizeof(pair))
		*(volatile pair *)a = *(const volatile pair *)b;
	if (len >= TWIN_WORD) {
		*(volatile any_word *)a = *(const volatile any_word *)b;
		len -= TWIN_WORD, a += TWIN_WORD, b += TWIN_WORD;
	}
	for (; len; len--)
		*(volatile unsigned char *)a++ = *b++;
}

RACY void twin_store(void *to, const void *from, size_t len)
{
	size_t over = len % TWIN_WORD;
	unsigned char *a = to;
	const unsigned char *b = from;

	for (; over; over--, len--)
		*(volatile unsigned char *)(a + len - 1) = b[len - 1];
	for (; len; len -= TWIN_WORD)
		*(volatile any_word *)(a + len - TWIN_WORD) = *(const any_word *)(b + len - TWIN_WORD);
}

/* The word, or what of one is in front of `end`, with the byte at `at`. */
static struct twin_edge read_edge(const struct twin *t, size_t at, size_t end)
{
	size_t begin = word_begin(t, at), to = word_end(t, at + 1, end);
	struct twin_edge e = { .at = begin, .len = to - begin };

	twin_copy(e.now, t->memory + begin, e.len);
	return e;
}

static struct twin_run widen(const struct twin *t, struct twin_run run, const struct twin_edge *e)
{
	size_t from = run.at, to = run.at + run.len;

	for (size_t i = 0; i < e->len; i++) {
		if (e->now[i] == t->twin[e->at + i])
			continue;
		from = e->at + i < from ? e->at + i : from;
		to = e->at + i >= to ? e->at + i + 1 : to;
	}
	return (struct twin_run){ from, to - from };
}

void twin_fix(const struct twin *t, size_t end, struct twin_run *run, struct twin_edge edges[2])
{
	size_t last = run->at + run->len - 1;

	edges[0] = read_edge(t, run->at, end);
	edges[1] = last < edges[0].at + edges[0].len ? edges[0] : read_edge(t, last, end);
	*run = widen(t, widen(t, *run, &edges[0]), &edges[1]);
}

void twin_read(const struct twin *t, const struct twin_run *run, const struct twin_edge edges[2], void *out)
{
	size_t end = run->at + run->len;

	twin_copy(out, t->memory + run->at, run->len);
	for (unsigned int i = 0; edges && i < 2; i++) {
		const struct twin_edge *e = &edges[i];
		size_t from = e->at > run->at ? e->at : run->at, to = e->at + e->len;

		to = to < end ? to : end;
		memcpy((unsigned char *)out + (from - run->at), e->now + (from - e->at), to - from);
	}
	twin_copy(t->twin + run->at, out, run->len);
}

bool twin_differs(const struct twin *t, size_t from, size_t end)
{
	return first_news(t, from, end) != end;
}

/* Compares and copies what it has read once. */
RACY static bool take_line(unsigned char *twin, const unsigned char *memory)
{
	pair now[TWIN_LINE / sizeof(pair)], d = { 0, 0 };

	for (size_t i = 0; i < TWIN_LINE / sizeof(pair); i++) {
		now[i] = ((const volatile pair *)(const volatile void *)memory)[i];
		d |= now[i] ^ ((const pair *)(const void *)twin)[i];
	}
	if (!(d[0] | d[1]))
		return false;
	for (size_t i = 0; i < TWIN_LINE / sizeof(pair); i++)
		((pair *)(void *)twin)[i] = now[i];
	return true;
}

RACY static bool take_piece(const struct twin *t, size_t from, size_t end)
{
	if (end - from == TWIN_LINE)
		return take_line(t->twin + from, t->memory + from);
	if (first_news(t, from, end) == end)
		return false;
	twin_copy(t->twin + from, t->memory + from, end - from);
	return true;
}

RACY uint64_t twin_take(const struct twin *t, size_t from, size_t end)
{
	uint64_t lines = 0;
	bool news = false;

	for (size_t at = from; at < end;) {
		size_t len = end - at < TWIN_LINE ? end - at : TWIN_LINE;

		/* where there is some there is often more */
		if (!news && end - at >= BLOCK && same(t->memory + at, t->twin + at, BLOCK)) {
			at += BLOCK;
			continue;
		}
		news = take_piece(t, at, at + len);
		lines |= (uint64_t)news << (at - from) / TWIN_LINE;
		at += len;
	}
	return lines;
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

#ifdef __x86_64__
typedef unsigned __int128 two_words __attribute__((may_alias));

/*
 * Two words at once, when a part of each is news: a locked instruction is what this costs, and whole pages
 * come. False: not here, or somebody else has just written there.
 */
RACY __attribute__((target("cx16"))) static bool put_two(word *at, const any_word *twin, const any_word *news)
{
	uint64_t low = spread(news[0] ^ twin[0]), high = spread(news[1] ^ twin[1]);
	uint64_t here0 = __atomic_load_n(&at[0], __ATOMIC_RELAXED);
	uint64_t here1 = __atomic_load_n(&at[1], __ATOMIC_RELAXED);
	two_words here = (two_words)here1 << 64 | here0, then;

	if (low == UINT64_MAX || high == UINT64_MAX || (uintptr_t)at % sizeof(here))
		return false;
	then = (two_words)((here1 & ~high) | (news[1] & high)) << 64 | ((here0 & ~low) | (news[0] & low));
	return __sync_bool_compare_and_swap((two_words *)(void *)at, here, then);
}
#else
static bool put_two(word *at, const any_word *twin, const any_word *news)
{
	(void)at;
	(void)twin;
	(void)news;
	return false;
}
#endif

/* Does each byte of a line differ? */
RACY static inline bool all_differ(const unsigned char *a, const unsigned char *b)
{
	bytes equal = { 0 };
	pair e;

	for (size_t i = 0; i < TWIN_LINE; i += sizeof(bytes))
		equal |= (bytes)(*(const bytes *)(a + i) == *(const bytes *)(b + i));
	e = (pair)equal;
	return !(e[0] | e[1]);
}

/* A line all of which is news. */
RACY static void put_new_line(const struct twin *t, size_t at, const unsigned char *come)
{
	const any_word *news = (const any_word *)(const void *)come;
	word *to = (word *)(void *)(t->memory + at);

	for (size_t i = TWIN_LINE / TWIN_WORD; i > 0; i--)
		__atomic_store_n(&to[i - 1], news[i - 1], __ATOMIC_RELEASE);
	for (size_t i = 0; i < TWIN_LINE; i += sizeof(pair))
		*(pair *)(t->twin + at + i) = *(const pair *)(come + i);
}

/* A line of whole words of the memory. */
RACY static void put_line(const struct twin *t, size_t at, const unsigned char *come, bool keep)
{
	const any_word *news = (const any_word *)(const void *)come;
	any_word *twin = (any_word *)(void *)(t->twin + at);
	word *to = (word *)(void *)(t->memory + at);

	for (size_t i = TWIN_LINE / TWIN_WORD; i > 0; i -= 2) {
		size_t a = i - 2, b = i - 1;
		bool both = news[a] != twin[a] && news[b] != twin[b];

		if (keep || !both || !put_two(&to[a], &twin[a], &news[a])) {
			put_word(&to[b], twin[b], news[b], keep);
			put_word(&to[a], twin[a], news[a], keep);
		}
		twin[a] = news[a];
		twin[b] = news[b];
	}
}

RACY static void put(const struct twin *t, size_t at, const unsigned char *come, size_t len, bool keep)
{
	size_t end = at + len;

	while (end > at) {
		if (end - at < TWIN_LINE || (uintptr_t)(t->memory + end) % TWIN_WORD) {
			end = put_last(t, at, end, come, keep);
			continue;
		}
		end -= TWIN_LINE;
		if (!keep && all_differ(come + (end - at), t->twin + end))
			put_new_line(t, end, come + (end - at));
		else if (!same(come + (end - at), t->twin + end, TWIN_LINE))
			put_line(t, end, come + (end - at), keep);
	}
}

void twin_merge(const struct twin *t, size_t at, const void *come, size_t len)
{
	put(t, at, come, len, true);
}

void twin_apply(const struct twin *t, size_t at, const void *come, size_t len)
{
	put(t, at, come, len, false);
}

RACY void twin_put(const struct twin *t, size_t at, const unsigned char come[TWIN_WORD],
		   const unsigned char mask[TWIN_WORD])
{
	uint64_t news, differs;

	memcpy(&news, come, sizeof(news));
	memcpy(&differs, mask, sizeof(differs));
	put_word((word *)(void *)(t->memory + at), news ^ differs, news, false);
}
