/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is under way is in the two rings of what is due, and leaves them when it is answered. They are looked
 * through for each access, which only those pay who ask for it. Of several that an access meets, the last one
 * is told.
 */
#include "sim/host/hazard.h"

#include <inttypes.h>

struct span {
	uint64_t first, last; /* lines */
};

static struct span span_of(uint64_t iova, uint32_t bytes)
{
	return (struct span){ iova / HOST_LINE, (iova + (bytes - 1)) / HOST_LINE };
}

static bool meet(struct span a, struct span b)
{
	return a.first <= b.last && b.first <= a.last;
}

/* The address of the first line that is in both. */
static uint64_t shared_line(struct span a, struct span b)
{
	return (a.first > b.first ? a.first : b.first) * HOST_LINE;
}

static struct span span_of_piece(const struct read_piece *p)
{
	return span_of(p->iova, p->bytes);
}

static struct span span_of_slot(const struct write_slot *w)
{
	return span_of(w->iova, w->bytes);
}

static const struct read_piece *find_read(const struct reads *all, struct span s)
{
	for (uint32_t i = all->due.num; i--;) {
		const struct read_piece *p = &all->pieces[due_at(&all->due, i)->slot];

		if (meet(s, span_of_piece(p)))
			return p;
	}
	return NULL;
}

/*
 * What a fence orders lies before it in the ring if it was accepted before, and behind it otherwise. One on a
 * channel orders what travels there alone. behind: the write that is to come after what is found, or NULL.
 */
static const struct write_slot *find_write(const struct writes *all, struct span s,
					   const struct host_write *behind)
{
	bool fenced = false; /* against those on its channel */

	for (uint32_t i = all->due.num; i--;) {
		const struct write_slot *w = &all->slots[due_at(&all->due, i)->slot];

		if (w->kind == HOST_FENCE && behind) {
			if (!w->channel)
				return NULL;
			fenced |= w->channel == behind->channel;
		}
		if (w->kind == HOST_WRITE && meet(s, span_of_slot(w)) &&
		    !(fenced && w->channel == behind->channel))
			return w;
	}
	return NULL;
}

/* A read may overtake a fence, so that only an answer orders it behind a write. */
void hazard_of_read(struct host *h, const struct host_read *r)
{
	struct span s = span_of(r->iova, r->bytes);
	const struct write_slot *w = r->after_writes ? NULL : find_write(&h->writes, s, NULL);

	if (w)
		host_warning(&h->port, "hazard-raw",
			     "line 0x%" PRIx64 ": read 0x%" PRIx64 ", while write 0x%" PRIx64
			     " of it has no answer yet",
			     shared_line(s, span_of_slot(w)), r->cookie, w->cookie);
}

void hazard_of_write(struct host *h, const struct host_write *w)
{
	struct span s = span_of(w->iova, w->bytes);
	const struct read_piece *before = find_read(&h->reads, s);
	const struct write_slot *other = w->ordered ? NULL : find_write(&h->writes, s, w);

	if (before)
		host_warning(&h->port, "hazard-war",
			     "line 0x%" PRIx64 ": write 0x%" PRIx64 ", while read 0x%" PRIx64
			     " of it has no answer yet",
			     shared_line(s, span_of_piece(before)), w->cookie, before->cookie);
	if (other)
		host_warning(&h->port, "hazard-waw",
			     "line 0x%" PRIx64 ": write 0x%" PRIx64 ", while write 0x%" PRIx64
			     " of it has no answer yet, and no fence is between them",
			     shared_line(s, span_of_slot(other)), w->cookie, other->cookie);
}
