/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A write is done when it is taken. So is a read, whose lines then wait in a ring until they are due: what is
 * written after it does not show in them. No read is taken while the ring may be too small for it.
 */
#include "sim/memory/bank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "sim/memory/bank-check.h"
#include "sim/memory/lines.h"

#define ROOM 256u /* lines that were read and have not come; a power of two */

struct come {
	uint64_t due; /* edge */
	uint32_t data[BANK_LINE_WORDS];
};

struct bank {
	struct bank_options set;
	struct bank_check check;
	struct lines lines;
	uint64_t edge, random;
	struct come ring[ROOM];
	uint32_t head, num;
	uint64_t next; /* line of the write that goes on, */
	uint32_t burst, left; /* and of how many lines it is, and lacks */
	uint32_t dropped;     /* lines of a write that cannot be, which are still to come */
};

_Static_assert(ROOM >= 2 * BANK_MAX_BURST, "one burst comes while the next one is asked for");
_Static_assert(LINE_BYTES == BANK_LINE_WORDS * 4, "a line's data are as many pins");

int bank_new(const struct bank_options *options, struct bank **ret)
{
	struct bank *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return -ENOMEM;
	b->set = *options;
	b->random = options->seed * 2 + 1; /* not 0 */
	rc = lines_init(&b->lines, options->lines, options->seed);
	if (rc)
		free(b);
	else
		*ret = b;
	return rc;
}

void bank_free(struct bank *b)
{
	if (!b)
		return;
	lines_done(&b->lines);
	free(b);
}

static uint64_t random_below(struct bank *b, uint64_t below)
{
	return xorshift64(&b->random) % below;
}

static bool pauses(struct bank *b)
{
	return b->set.stall && random_below(b, 100) < b->set.stall;
}

static void take_read(struct bank *b, const struct bank_request *r)
{
	uint64_t latency = b->set.latency;

	if (b->set.shuffle)
		latency += random_below(b, 3 * latency + 1);
	for (uint32_t i = 0; i < r->burst; i++) {
		struct come *c = &b->ring[(b->head + b->num++) % ROOM];

		c->due = b->edge + latency;
		lines_read(&b->lines, r->address + i, c->data);
	}
}

static void take_beat(struct bank *b, const struct bank_request *r)
{
	lines_write(&b->lines, b->next++, r->data, r->enables);
	b->left--;
}

static void take(struct bank *b, struct host_port *p, const struct bank_request *r)
{
	if (b->left) {
		if (bank_check_beat(p, r, b->burst))
			take_beat(b, r);
		return;
	}
	if (b->dropped && r->write) {
		b->dropped--;
		return;
	}
	if (!bank_check_burst(p, r, b->lines.num)) {
		b->dropped = r->write && r->burst ? r->burst - 1 : 0;
		return;
	}
	if (r->read) {
		take_read(b, r);
		return;
	}
	b->next = r->address;
	b->burst = b->left = r->burst;
	take_beat(b, r);
}

static void give(struct bank *b, struct bank_answer *a)
{
	const struct come *c = &b->ring[b->head];

	a->valid = b->num && c->due <= b->edge && !pauses(b);
	if (!a->valid)
		return;
	memcpy(a->data, c->data, sizeof(a->data));
	b->head = (b->head + 1) % ROOM;
	b->num--;
}

void bank_edge(struct bank *b, struct host_port *p, const struct bank_request *r, struct bank_answer *a)
{
	bool asks = r->read || r->write;

	b->edge++;
	bank_check_edge(&b->check, p, r, a->wait);
	if (r->reset) {
		b->num = b->left = b->dropped = 0;
		a->wait = true;
		a->valid = false;
		return;
	}
	if (asks || b->num)
		host_active(p);
	if (asks && !a->wait)
		take(b, p, r);
	give(b, a);
	a->wait = b->num > ROOM - BANK_MAX_BURST || pauses(b);
}
