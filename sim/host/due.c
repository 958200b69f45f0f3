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
