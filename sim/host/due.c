/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/host/due.h"

#include <errno.h>
#include <stdlib.h>

int due_init(struct due *d, uint32_t entries)
{
	uint32_t room = 1;

	while (room < entries)
		room *= 2;
	*d = (struct due){ .ring = calloc(room, sizeof(*d->ring)), .room = room };
	return d->ring ? 0 : -ENOMEM;
}

void due_done(struct due *d)
{
	free(d->ring);
	d->ring = NULL;
}

void due_add(struct due *d, uint64_t cycle, uint32_t slot)
{
	uint32_t i = d->num++;

	for (; i && due_at(d, i - 1)->cycle > cycle; i--)
		*due_at(d, i) = *due_at(d, i - 1);
	*due_at(d, i) = (struct due_entry){ cycle, slot };
}

uint32_t due_take(struct due *d)
{
	uint32_t slot = due_at(d, 0)->slot;

	d->head = (d->head + 1) & (d->room - 1);
	d->num--;
	return slot;
}
