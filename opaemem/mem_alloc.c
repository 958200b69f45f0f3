/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two sorted rings of ranges. Every end is computed as the last address of a range and not as the one behind
 * it, so that a range may end with the address space.
 */
#include <opae/mem_alloc.h>
#include <stdbool.h>
#include <stdlib.h>

enum { NO_MEMORY = 1, NO_RANGE = 1, OVERLAPS = 2 };

static void make_empty(struct mem_link *head)
{
	head->address = head->size = 0;
	head->prev = head->next = head;
}

/* One that was zeroed instead of initialized has nothing either. */
static void free_all(struct mem_link *head)
{
	struct mem_link *l = head->next;

	while (l && l != head) {
		struct mem_link *next = l->next;

		free(l);
		l = next;
	}
	make_empty(head);
}

static uint64_t last_of(const struct mem_link *l)
{
	return l->address + (l->size - 1);
}

/* The lowest range that begins at the address or above; the head if there is none. */
static struct mem_link *at_or_above(struct mem_link *head, uint64_t address)
{
	struct mem_link *l = head->next;

	while (l != head && l->address < address)
		l = l->next;
	return l;
}

static bool overlaps(struct mem_link *head, uint64_t first, uint64_t last)
{
	struct mem_link *l = at_or_above(head, first);

	return (l != head && l->address <= last) || (l->prev != head && last_of(l->prev) >= first);
}

static struct mem_link *new_link(uint64_t address, uint64_t size)
{
	struct mem_link *l = malloc(sizeof(*l));

	if (l)
		*l = (struct mem_link){ .address = address, .size = size };
	return l;
}

static void take_out(struct mem_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static void insert(struct mem_link *head, struct mem_link *l)
{
	struct mem_link *above = at_or_above(head, l->address);

	l->prev = above->prev;
	l->next = above;
	above->prev->next = l;
	above->prev = l;
}

/* A range takes in the one above if they touch. One of 2^64 addresses would have no size: it stays two. */
static void join(struct mem_link *head, struct mem_link *l)
{
	struct mem_link *above = l->next;
	uint64_t size;

	if (l == head || above == head || last_of(l) + 1 != above->address ||
	    __builtin_add_overflow(l->size, above->size, &size))
		return;
	l->size = size;
	take_out(above);
	free(above);
}

static void insert_joined(struct mem_link *head, struct mem_link *l)
{
	insert(head, l);
	join(head, l);
	join(head, l->prev);
}

void mem_alloc_init(struct mem_alloc *m)
{
	if (!m)
		return;
	make_empty(&m->free);
	make_empty(&m->allocated);
}

void mem_alloc_destroy(struct mem_alloc *m)
{
	if (!m)
		return;
	free_all(&m->free);
	free_all(&m->allocated);
}

int mem_alloc_add_free(struct mem_alloc *m, uint64_t address, uint64_t size)
{
	struct mem_link *l;
	uint64_t last;

	if (!m)
		return NO_RANGE;
	if (!size || __builtin_add_overflow(address, size - 1, &last) ||
	    overlaps(&m->free, address, last) || overlaps(&m->allocated, address, last))
		return OVERLAPS;
	l = new_link(address, size);
	if (!l)
		return NO_MEMORY;
	insert_joined(&m->free, l);
	return 0;
}

/* The next power of two, less one; all ones for a size that has none. */
static uint64_t mask_for(uint64_t size)
{
	return size == 1 ? 0 : UINT64_MAX >> __builtin_clzll(size - 1);
}

/* An overflow means that no multiple lies above the range's beginning. */
static bool fits(const struct mem_link *l, uint64_t size, uint64_t *at)
{
	uint64_t mask = mask_for(size);

	if (__builtin_add_overflow(l->address, mask, at))
		return false;
	*at &= ~mask;
	return *at <= last_of(l) && last_of(l) - *at >= size - 1;
}

/* The links that cutting needs come first: then nothing can fail. */
static int take_part(struct mem_alloc *m, struct mem_link *l, uint64_t at, uint64_t size)
{
	uint64_t below = at - l->address, above = l->size - below - size;
	struct mem_link *taken, *rest = NULL;

	taken = new_link(at, size);
	if (taken && below && above)
		rest = new_link(at + size, above);
	if (!taken || (below && above && !rest)) {
		free(taken);
		return NO_MEMORY;
	}
	if (below) {
		l->size = below;
	} else {
		l->address += size;
		l->size = above;
	}
	if (rest)
		insert(&m->free, rest);
	insert(&m->allocated, taken);
	return 0;
}

static int take(struct mem_alloc *m, struct mem_link *l, uint64_t at, uint64_t size)
{
	if (l->size != size)
		return take_part(m, l, at, size);
	take_out(l);
	insert(&m->allocated, l);
	return 0;
}

int mem_alloc_get(struct mem_alloc *m, uint64_t *address, uint64_t size)
{
	uint64_t at;
	int rc;

	if (!m || !address || !size)
		return NO_RANGE;
	for (struct mem_link *l = m->free.next; l != &m->free; l = l->next) {
		if (!fits(l, size, &at))
			continue;
		rc = take(m, l, at, size);
		if (!rc)
			*address = at;
		return rc;
	}
	return NO_RANGE;
}

int mem_alloc_put(struct mem_alloc *m, uint64_t address)
{
	struct mem_link *l;

	if (!m)
		return NO_RANGE;
	l = at_or_above(&m->allocated, address);
	if (l == &m->allocated || l->address != address)
		return NO_RANGE;
	take_out(l);
	insert_joined(&m->free, l);
	return 0;
}

/* What the two have in common goes into the list; false: no memory. */
static bool add_common(struct mem_link *head, const struct mem_link *a, const struct mem_link *b)
{
	uint64_t first = a->address > b->address ? a->address : b->address;
	uint64_t last = last_of(a) < last_of(b) ? last_of(a) : last_of(b);
	struct mem_link *l;

	if (first > last)
		return true;
	l = new_link(first, last - first + 1);
	if (l)
		insert_joined(head, l);
	return l;
}

int mem_alloc_apply_constraint(struct mem_alloc *m, struct mem_alloc *m_constr)
{
	struct mem_link common;

	if (!m || !m_constr)
		return NO_RANGE;
	make_empty(&common);
	for (struct mem_link *a = m->free.next; a != &m->free; a = a->next)
		for (struct mem_link *b = m_constr->free.next; b != &m_constr->free; b = b->next)
			if (!add_common(&common, a, b)) {
				free_all(&common);
				return NO_MEMORY;
			}
	free_all(&m->free);
	if (common.next != &common) { /* the ring gets its new head */
		m->free.next = common.next;
		m->free.prev = common.prev;
		m->free.next->prev = m->free.prev->next = &m->free;
	}
	return 0;
}
