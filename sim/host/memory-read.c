/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory reads of the AFU: each request is cut into pieces of a line, which are answered singly. */
#include <stdlib.h>
#include <string.h>

#include "sim/host/hazard.h"

int reads_init(struct reads *r, uint64_t outstanding)
{
	int rc;

	r->room = host_most_lines(outstanding) + HOST_SLACK;
	r->left = calloc(r->room, sizeof(*r->left));
	r->pieces = calloc(r->room, sizeof(*r->pieces));
	r->lines = host_lines_new(r->room);
	r->atomics = calloc(r->room, sizeof(*r->atomics));
	rc = r->left && r->pieces && r->lines && r->atomics ? due_init(&r->due, r->room) : -1;
	if (!rc)
		rc = free_list_init(&r->free_requests, r->room);
	if (!rc)
		rc = free_list_init(&r->free_pieces, r->room);
	return rc;
}

void reads_done(struct reads *r)
{
	due_done(&r->due);
	free(r->left);
	free(r->pieces);
	free(r->lines);
	free(r->atomics);
	free(r->free_requests.slots);
	free(r->free_pieces.slots);
}

void reads_reset(struct reads *r, uint64_t cycle)
{
	while (r->due.num) {
		uint32_t slot = due_take(&r->due), request = r->pieces[slot].request;

		free_list_give(&r->free_pieces, slot);
		if (!--r->left[request])
			free_list_give(&r->free_requests, request);
	}
	r->last_due = cycle;
}

static void carry_out(struct host *h, struct read_piece *p)
{
	p->queued = p->atomic || queue_needed(h, p->iova, p->bytes);
	if (p->queued) {
		queue_add(h, false, (uint32_t)(p - h->reads.pieces));
		return;
	}
	p->error = !host_line_read(h, p->iova, h->reads.lines[p - h->reads.pieces].data, p->bytes);
	p->done = true;
}

struct memory_access read_access(struct host *h, uint32_t slot)
{
	const struct read_piece *p = &h->reads.pieces[slot];

	if (p->atomic)
		return atomic_begin(h, &h->reads.atomics[slot], h->reads.lines[slot].data);
	return (struct memory_access){ .iova = p->iova,
				       .enables = UINT64_MAX,
				       .data = h->reads.lines[slot].data,
				       .bytes = p->bytes };
}

bool read_goes_on(struct host *h, uint32_t slot, struct memory_access *now)
{
	return h->reads.pieces[slot].atomic && atomic_goes_on(&h->reads.atomics[slot], now);
}

void read_carried_out(struct host *h, uint32_t slot, bool failed)
{
	struct read_piece *p = &h->reads.pieces[slot];

	if (failed)
		memset(h->reads.lines[slot].data, 0xff, p->bytes);
	p->error = failed;
	p->done = true;
}

bool read_ready(struct host *h)
{
	struct read_piece *p = &h->reads.pieces[due_at(&h->reads.due, 0)->slot];

	if (!p->done && !p->queued)
		carry_out(h, p);
	return p->done;
}

/* Half of the latency to one and a half of it when shuffled. */
static uint64_t due_cycle(struct host *h, uint64_t not_before)
{
	uint64_t latency = h->set.read_latency, cycle;

	if (h->set.shuffle) {
		cycle = h->port.cycle + 1 + latency / 2 + host_random(h, latency);
		return cycle > not_before ? cycle : not_before;
	}
	cycle = h->port.cycle + latency;
	if (cycle <= h->reads.last_due)
		cycle = h->reads.last_due + 1;
	h->reads.last_due = cycle;
	return cycle;
}

static void add_piece(struct host *h, const struct host_read *r, const struct host_atomic *a,
		      uint32_t request, uint32_t index, uint64_t *not_before)
{
	struct reads *all = &h->reads;
	uint32_t slot = free_list_take(&all->free_pieces);
	struct read_piece *p = &all->pieces[slot];
	uint32_t left = r->bytes - index * HOST_LINE;
	uint64_t cycle;

	p->cookie = r->cookie;
	p->iova = r->iova + (uint64_t)index * HOST_LINE;
	p->request = request;
	p->index = index;
	p->bytes = left < HOST_LINE ? left : HOST_LINE;
	p->queued = p->done = false;
	p->atomic = a;
	if (a)
		all->atomics[slot] = *a;
	if (!h->set.shuffle)
		carry_out(h, p);
	cycle = due_cycle(h, *not_before);
	if (r->ordered)
		*not_before = cycle;
	due_add(&all->due, cycle, slot);
	host_event_at(h, cycle);
}

bool read_accept(struct host *h, const struct host_read *r, const struct host_atomic *a)
{
	struct host_port *port = &h->port;
	struct reads *all = &h->reads;
	uint32_t pieces = (r->bytes + HOST_LINE - 1) / HOST_LINE, request;
	uint64_t not_before = 0;

	if (port->reset)
		return true;
	if (!r->bytes || r->bytes > HOST_MAX_READ || r->iova > UINT64_MAX - (r->bytes - 1))
		return false;
	if (pieces > all->free_pieces.num)
		return false;
	if (h->set.hazards)
		hazard_of_read(h, r);
	h->last_active = port->cycle;
	log_memory(h, a ? "atomic" : "read", r->iova, r->bytes, r->cookie, NULL);
	request = free_list_take(&all->free_requests);
	all->left[request] = pieces;
	for (uint32_t i = 0; i < pieces; i++)
		add_piece(h, r, a, request, i, &not_before);
	port->read_full = host_is_full(h, &all->due);
	return true;
}

bool host_read(struct host_port *port, const struct host_read *r)
{
	return read_accept(host_of(port), r, NULL);
}

bool host_take_read(struct host_port *port, struct host_read_line *ret)
{
	struct host *h = host_of(port);
	struct reads *all = &h->reads;
	struct read_piece *p;
	uint32_t slot;

	if (!port->read_ready)
		return false;
	slot = due_take(&all->due);
	p = &all->pieces[slot];
	ret->cookie = p->cookie;
	ret->index = p->index;
	ret->bytes = p->bytes;
	ret->last = !--all->left[p->request];
	ret->error = p->error;
	ret->data = all->lines[slot].data;
	log_memory(h, "read-data", p->iova, ret->bytes, ret->cookie, ret->data);
	free_list_give(&all->free_pieces, slot);
	if (ret->last)
		free_list_give(&all->free_requests, p->request);
	port->read_ready = false;
	port->read_full = host_is_full(h, &all->due);
	h->last_active = port->cycle;
	host_event_at(h, port->cycle + 1);
	return true;
}
