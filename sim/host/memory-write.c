/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory writes, fences and interrupts of the AFU. All that order asks for is in the cycle at which each is
 * due: a fence is due after everything before it, and what follows it is due after the fence.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/host/hazard.h"

int writes_init(struct writes *w, uint64_t outstanding)
{
	int rc;

	w->room = host_most_lines(outstanding) + HOST_SLACK;
	w->slots = calloc(w->room, sizeof(*w->slots));
	w->lines = host_lines_new(w->room);
	rc = w->slots && w->lines ? due_init(&w->due, w->room) : -1;
	return rc ? rc : free_list_init(&w->free, w->room);
}

void writes_done(struct writes *w)
{
	due_done(&w->due);
	free(w->slots);
	free(w->lines);
	free(w->free.slots);
}

void writes_reset(struct writes *w, uint64_t cycle)
{
	while (w->due.num)
		free_list_give(&w->free, due_take(&w->due));
	w->pending_ordered = 0;
	w->last_due = cycle;
	for (uint32_t i = 0; i < HOST_CHANNELS; i++)
		w->last_on[i] = w->floor[i] = cycle;
}

/* A fence says nothing to registers: only posted writes and their interrupts are pushed by an answer. */
static uint32_t pushed(const struct write_slot *w)
{
	return w->ordered && w->kind != HOST_FENCE;
}

/* True: there is no such vector. */
static bool interrupt(struct host *h, uint32_t vector)
{
	if (h->reset_asked)
		return false; /* it was asked for before the reset */
	if (vu_server_irq(h->server, VU_MSIX, vector)) {
		host_error(&h->port, "interrupt-vector", "interrupt %" PRIu32 ": the device has 0 to %u",
			   vector, HOST_VECTORS - 1);
		return true;
	}
	if (vu_server_has_client(h->server) && !vu_server_irq_bound(h->server, VU_MSIX, vector))
		host_warning(&h->port, "interrupt-unbound",
			     "interrupt %" PRIu32 " is lost: the program has registered no event for it",
			     vector);
	return false;
}

/* The AFU's own are there until it goes on. */
static void keep_data(struct host *h, struct write_slot *w)
{
	uint8_t *line = h->writes.lines[w - h->writes.slots].data;

	if (w->kind == HOST_WRITE && w->from != line)
		w->from = memcpy(line, w->from, w->bytes);
}

static void carry_out(struct host *h, struct write_slot *w)
{
	h->writes.pending_ordered -= pushed(w);
	w->queued = w->kind == HOST_WRITE ? queue_needed(h, w->iova, w->bytes) : h->queue.num;
	if (w->queued) {
		keep_data(h, w);
		queue_add(h, true, (uint32_t)(w - h->writes.slots));
		return;
	}
	switch (w->kind) {
	case HOST_WRITE:
		w->error = !host_line_write(h, w->iova, w->from, w->bytes, w->enables);
		break;
	case HOST_INTERRUPT:
		w->error = interrupt(h, w->vector);
		break;
	case HOST_FENCE: break;
	}
	w->done = true;
}

struct memory_access write_access(struct host *h, uint32_t slot)
{
	const struct write_slot *w = &h->writes.slots[slot];

	return (struct memory_access){ .iova = w->iova,
				       .enables = w->enables,
				       .data = h->writes.lines[slot].data,
				       .bytes = w->kind == HOST_WRITE ? w->bytes : 0,
				       .write = true };
}

void write_carried_out(struct host *h, uint32_t slot, bool failed)
{
	struct write_slot *w = &h->writes.slots[slot];

	w->error = w->kind == HOST_INTERRUPT ? interrupt(h, w->vector) : failed;
	w->done = true;
}

bool write_ready(struct host *h)
{
	struct write_slot *w = &h->writes.slots[due_at(&h->writes.due, 0)->slot];

	if (!w->done && !w->queued)
		carry_out(h, w);
	return w->done;
}

static void raise_floor(struct writes *all, uint32_t channel, uint64_t cycle)
{
	for (uint32_t i = 0; i < HOST_CHANNELS; i++)
		if (i == channel || !channel)
			all->floor[i] = cycle;
}

static uint64_t due_cycle(struct host *h, const struct write_slot *w)
{
	uint64_t latency = w->kind == HOST_INTERRUPT ? h->set.interrupt_latency : h->set.write_latency;
	struct writes *all = &h->writes;
	uint64_t cycle = h->port.cycle + latency, not_before = 0;

	if (h->set.shuffle)
		cycle = h->port.cycle + 1 + latency / 2 + host_random(h, latency);
	if (cycle < all->floor[w->channel])
		cycle = all->floor[w->channel];
	if (!h->set.shuffle || (w->ordered && !w->channel))
		not_before = all->last_due;
	else if (w->ordered)
		not_before = all->last_on[w->channel];
	if (cycle < not_before)
		cycle = not_before;
	if (cycle > all->last_due)
		all->last_due = cycle;
	if (cycle > all->last_on[w->channel])
		all->last_on[w->channel] = cycle;
	if (w->kind == HOST_FENCE)
		raise_floor(all, w->channel, cycle);
	return cycle;
}

/* The slot that is filled next; NULL: none is left, or the AFU is in reset and is not listened to. */
static struct write_slot *new_slot(struct host *h, enum host_write_kind kind, uint64_t cookie,
				   uint32_t channel, bool ordered)
{
	struct writes *all = &h->writes;
	struct write_slot *w;

	if (h->port.reset || !all->free.num || channel >= HOST_CHANNELS)
		return NULL;
	w = &all->slots[all->free.slots[all->free.num - 1]];
	w->kind = kind;
	w->cookie = cookie;
	w->channel = channel;
	w->ordered = ordered;
	w->queued = w->done = w->error = false;
	return w;
}

static void accept_slot(struct host *h, struct write_slot *w)
{
	struct writes *all = &h->writes;
	uint64_t cycle = due_cycle(h, w);

	free_list_take(&all->free);
	all->pending_ordered += pushed(w);
	due_add(&all->due, cycle, (uint32_t)(w - all->slots));
	host_event_at(h, cycle);
	h->last_active = h->port.cycle;
	h->port.write_full = host_is_full(h, &all->due);
	if (!h->set.shuffle)
		carry_out(h, w);
}

bool host_write(struct host_port *port, const struct host_write *r)
{
	struct host *h = host_of(port);
	struct write_slot *w;

	if (!r->bytes || r->bytes > HOST_LINE || r->iova > UINT64_MAX - (r->bytes - 1))
		return false;
	w = new_slot(h, HOST_WRITE, r->cookie, r->channel, r->ordered);
	if (!w)
		return port->reset;
	if (h->set.hazards)
		hazard_of_write(h, r);
	w->iova = r->iova;
	w->bytes = r->bytes;
	w->enables = r->enables;
	w->from = r->data;
	if (h->set.shuffle)
		keep_data(h, w);
	log_memory(h, "write", r->iova, r->bytes, r->cookie, r->data);
	accept_slot(h, w);
	return true;
}

bool host_fence(struct host_port *port, uint64_t cookie, uint32_t channel)
{
	struct host *h = host_of(port);
	struct write_slot *w = new_slot(h, HOST_FENCE, cookie, channel, true);

	if (!w)
		return port->reset;
	log_event(h, "fence", 0, 0, cookie, NULL);
	accept_slot(h, w);
	return true;
}

bool host_interrupt(struct host_port *port, uint64_t cookie, uint32_t channel, uint32_t vector, bool ordered)
{
	struct host *h = host_of(port);
	struct write_slot *w = new_slot(h, HOST_INTERRUPT, cookie, channel, ordered);

	if (!w)
		return port->reset;
	w->vector = vector;
	log_event(h, "interrupt", vector, 0, cookie, NULL);
	accept_slot(h, w);
	return true;
}

/* They are due in their order, so the ring has them in it. */
void writes_push(struct host *h)
{
	struct writes *all = &h->writes;

	for (uint32_t i = 0; i < all->due.num && all->pending_ordered; i++) {
		struct write_slot *w = &all->slots[due_at(&all->due, i)->slot];

		if (!w->done && !w->queued)
			carry_out(h, w);
	}
}

bool host_take_write(struct host_port *port, struct host_write_done *ret)
{
	struct host *h = host_of(port);
	struct writes *all = &h->writes;
	struct write_slot *w;
	uint32_t slot;

	if (!port->write_ready)
		return false;
	slot = due_take(&all->due);
	w = &all->slots[slot];
	*ret = (struct host_write_done){ w->kind, w->cookie, w->error };
	if (w->kind == HOST_WRITE)
		log_memory(h, "write-done", w->iova, w->bytes, w->cookie, NULL);
	else
		log_event(h, w->kind == HOST_FENCE ? "fence-done" : "interrupt-done", 0, 0, w->cookie, NULL);
	free_list_give(&all->free, slot);
	port->write_ready = false;
	port->write_full = host_is_full(h, &all->due);
	h->last_active = port->cycle;
	host_event_at(h, port->cycle + 1);
	return true;
}
