/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next fit over a sorted array of holes: a search begins where the last one ended, so that many
 * buffers cost no more each than few.
 */
#include "dev/iova.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Index of the first hole that begins behind `at`. */
static size_t after(const struct iova_space *s, uint64_t at)
{
	size_t lo = 0, hi = s->num;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->holes[mid].first > at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int insert(struct iova_space *s, size_t i, struct iova_hole h)
{
	struct iova_hole *grown;

	if (s->num == s->room) {
		grown = reallocarray(s->holes, s->room * 2 + 8, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->holes = grown;
		s->room = s->room * 2 + 8;
	}
	memmove(&s->holes[i + 1], &s->holes[i], (s->num - i) * sizeof(h));
	s->holes[i] = h;
	s->num++;
	return 0;
}

static void delete(struct iova_space *s, size_t i)
{
	s->num--;
	memmove(&s->holes[i], &s->holes[i + 1], (s->num - i) * sizeof(s->holes[0]));
}

int iova_put(struct iova_space *s, uint64_t first, uint64_t last)
{
	size_t i = after(s, first);
	bool left, right;

	if (first > last || (i > 0 && s->holes[i - 1].last >= first) ||
	    (i < s->num && s->holes[i].first <= last))
		return -EINVAL;
	left = i > 0 && s->holes[i - 1].last + 1 == first;
	right = i < s->num && last + 1 == s->holes[i].first;
	if (left && right) {
		s->holes[i - 1].last = s->holes[i].last;
		delete (s, i);
	} else if (left) {
		s->holes[i - 1].last = last;
	} else if (right) {
		s->holes[i].first = first;
	} else {
		return insert(s, i, (struct iova_hole){ first, last });
	}
	return 0;
}

static bool fits(const struct iova_hole *h, uint64_t len, uint64_t align, uint64_t *at)
{
	uint64_t end;

	if (__builtin_add_overflow(h->first, align - 1, at))
		return false;
	*at &= ~(align - 1);
	return !__builtin_add_overflow(*at, len - 1, &end) && end <= h->last;
}

/* Takes [at, last] out of hole i. */
static int carve(struct iova_space *s, size_t i, uint64_t at, uint64_t last)
{
	struct iova_hole h = s->holes[i];
	int rc;

	if (h.first < at && last < h.last) {
		rc = insert(s, i + 1, (struct iova_hole){ last + 1, h.last });
		if (rc)
			return rc;
		s->holes[i].last = at - 1;
	} else if (h.first < at) {
		s->holes[i].last = at - 1;
	} else if (last < h.last) {
		s->holes[i].first = last + 1;
	} else {
		delete (s, i);
	}
	return 0;
}

int iova_get(struct iova_space *s, uint64_t len, uint64_t align, uint64_t *ret)
{
	uint64_t at;

	for (size_t n = 0; n < s->num; n++) {
		size_t i = (s->cursor + n) % s->num;
		int rc;

		if (!fits(&s->holes[i], len, align, &at))
			continue;
		rc = carve(s, i, at, at + (len - 1));
		if (rc)
			return rc;
		s->cursor = i;
		*ret = at;
		return 0;
	}
	return -ENOSPC;
}

int iova_take(struct iova_space *s, uint64_t first, uint64_t last)
{
	size_t i = after(s, first);

	if (first > last || !i || s->holes[i - 1].last < last)
		return -EBUSY;
	return carve(s, i - 1, first, last);
}

void iova_done(struct iova_space *s)
{
	free(s->holes);
	memset(s, 0, sizeof(*s));
}

void iova_pool_init(struct iova_pool *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
}

void iova_pool_done(struct iova_pool *p)
{
	iova_done(&p->space);
	pthread_mutex_destroy(&p->lock);
}

int iova_pool_put(struct iova_pool *p, uint64_t first, uint64_t last)
{
	SCOPED_LOCK(&p->lock);

	return iova_put(&p->space, first, last);
}

int iova_pool_get(struct iova_pool *p, uint64_t len, uint64_t align, uint64_t *ret)
{
	SCOPED_LOCK(&p->lock);

	return iova_get(&p->space, len, align, ret);
}

int iova_pool_take(struct iova_pool *p, uint64_t first, uint64_t last)
{
	SCOPED_LOCK(&p->lock);

	return iova_take(&p->space, first, last);
}
