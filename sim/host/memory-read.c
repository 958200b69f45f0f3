/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory reads of the AFU: each request is cut into pieces of a line, which are answered singly. */
#include <stdlib.h>
#include <string.h>

#include "sim/host/host-internal.h"

int reads_init(struct reads *r, uint64_t outstanding)
{
	int rc;

	r->room = (uint32_t)outstanding + HOST_SLACK;
	r->requests = calloc(r->room, sizeof(*r->requests));
	r->pieces = calloc(r->room, sizeof(*r->pieces));
	rc = r->requests && r->pieces ? due_init(&r->due, r->room) : -1;
	if (!rc)
		rc = free_list_init(&r->free_requests, r->room);
	if (!rc)
		rc = free_list_init(&r->free_pieces, r->room);
	return rc;
}

void reads_done(struct reads *r)
{
	due_done(&r->due);
	free(r->requests);
	free(r->pieces);
	free(r->free_requests.slots);
	free(r->free_pieces.slots);
}

void reads_reset(struct reads *r, uint64_t cycle)
{
	while (r->due.num) {
		uint32_t slot = due_take(&r->due), request = r->pieces[slot].request;

		free_list_give(&r->free_pieces, slot);
		if (!--r->requests[request].left)
			free_list_give(&r->free_requests, request);
	}
	r->last_due = cycle;
}

static uint32_t piece_bytes(const struct host_read *r, uint32_t index)
{
	uint32_t left = r->bytes - index * HOST_LINE;

	return left < HOST_LINE ? left : HOST_LINE;
}

static void carry_out(struct host *h, const struct host_read *r, struct read_piece *p)
{
	p->error = !host_line_read(h, r->iova + (uint64_t)p->index * HOST_LINE, p->data,
				   piece_bytes(r, p->index));
	p->done = true;
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

static void add_piece(struct host *h, uint32_t request, uint32_t index, uint64_t *not_before)
{
	struct reads *all = &h->reads;
	uint32_t slot = free_list_take(&all->free_pieces);
	struct read_piece *p = &all->pieces[slot];
	const struct host_read *r = &all->requests[request].r;
	uint64_t cycle;

	p->request = request;
	p->index = index;
	p->done = false;
	if (!h->set.shuffle)
		carry_out(h, r, p);
	cycle = due_cycle(h, *not_before);
	if (r->ordered)
		*not_before = cycle;
	due_add(&all->due, cycle, slot);
	host_event_at(h, cycle);
}

bool host_read(struct host_port *port, const struct host_read *r)
{
	struct host *h = host_of(port);
	struct reads *all = &h->reads;
	uint32_t pieces = (r->bytes + HOST_LINE - 1) / HOST_LINE, request;
	uint64_t not_before = 0;

	if (port->reset)
		return true;
	if (!r->bytes || r->bytes > HOST_MAX_READ || r->iova > UINT64_MAX - (r->bytes - 1))
		return false;
	if (pieces > all->free_pieces.num)
		return false;
	h->last_active = port->cycle;
	log_memory(h, "read", r->iova, r->bytes, r->cookie, NULL);
	request = free_list_take(&all->free_requests);
	all->requests[request] = (struct read_request){ .r = *r, .left = pieces };
	for (uint32_t i = 0; i < pieces; i++)
		add_piece(h, request, i, &not_before);
	port->read_full = all->due.num >= h->set.outstanding;
	return true;
}

bool host_take_read(struct host_port *port, struct host_read_line *ret)
{
	struct host *h = host_of(port);
	struct reads *all = &h->reads;
	struct read_request *q;
	struct read_piece *p;
	uint32_t slot;

	if (!port->read_ready)
		return false;
	slot = due_take(&all->due);
	p = &all->pieces[slot];
	q = &all->requests[p->request];
	if (!p->done)
		carry_out(h, &q->r, p);
	q->left--;
	ret->cookie = q->r.cookie;
	ret->index = p->index;
	ret->bytes = piece_bytes(&q->r, p->index);
	ret->last = !q->left;
	ret->error = p->error;
	ret->data = p->data;
	log_memory(h, "read-data", q->r.iova + (uint64_t)p->index * HOST_LINE, ret->bytes, ret->cookie,
			ret->data);
	free_list_give(&all->free_pieces, slot);
	if (!q->left)
		free_list_give(&all->free_requests, p->request);
	port->read_ready = false;
	port->read_full = all->due.num >= h->set.outstanding;
	h->last_active = port->cycle;
	host_event_at(h, port->cycle + 1);
	return true;
}
