/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens at which cycle: entries sorted by their cycle, those of one cycle in the order in which they
 * were added. They are mostly added at the end and always taken from the front, so it is a ring.
 */
#ifndef SIM_HOST_DUE_H
#define SIM_HOST_DUE_H

#include <stdint.h>

#define DUE_NEVER UINT64_MAX

struct due_entry {
	uint64_t cycle;
	uint32_t slot;
};

struct due {
	struct due_entry *ring;
	uint32_t room; /* a power of two */
	uint32_t head, num;
};

int due_init(struct due *d, uint32_t entries); /* room for as many at least; 0 or -ENOMEM */
void due_done(struct due *d);
static inline struct due_entry *due_at(const struct due *d, uint32_t i)
{
	return &d->ring[(d->head + i) & (d->room - 1)];
}

/* The cycle of the first, or DUE_NEVER. */
static inline uint64_t due_next(const struct due *d)
{
	return d->num ? due_at(d, 0)->cycle : DUE_NEVER;
}

/* There is room. Nearly always it belongs at the end. */
static inline void due_add(struct due *d, uint64_t cycle, uint32_t slot)
{
	uint32_t i = d->num++;

	for (; i && due_at(d, i - 1)->cycle > cycle; i--)
		*due_at(d, i) = *due_at(d, i - 1);
	due_at(d, i)->cycle = cycle;
	due_at(d, i)->slot = slot;
}

/* The first; there is one. */
static inline uint32_t due_take(struct due *d)
{
	uint32_t slot = due_at(d, 0)->slot;

	d->head = (d->head + 1) & (d->room - 1);
	d->num--;
	return slot;
}

#endif
