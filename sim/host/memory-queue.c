/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that QEMU is asked for by messages. It gives none while a processor of its guest waits for a
 * register, so the clock goes on then, and what the AFU asks for meanwhile waits here, in its order. Atomic
 * operations come here as well. All else is carried out at once and does not.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/host/host-internal.h"

#define PAGE 4096u /* the least that the client maps */

int queue_init(struct memory_queue *q, uint32_t room)
{
	q->ring = calloc(room, sizeof(*q->ring));
	q->room = room;
	return q->ring ? 0 : -ENOMEM;
}

void queue_done(struct memory_queue *q)
{
	free(q->ring);
}

bool queue_needed(const struct host *h, uint64_t iova, uint32_t bytes)
{
	if (h->queue.num || !h->by_messages)
		return h->queue.num;
	return vu_server_dma_asks(h->server, iova) || vu_server_dma_asks(h->server, iova + (bytes - 1));
}

/* The next bytes that are enabled, in one page; how many. */
static uint32_t next_run(struct memory_access *a)
{
	uint32_t end = a->bytes, page;

	if (a->enables != UINT64_MAX) {
		while (a->at < a->bytes && !(a->enables >> a->at & 1))
			a->at++;
		for (end = a->at; end < a->bytes && (a->enables >> end & 1);)
			end++;
	}
	page = PAGE - (uint32_t)((a->iova + a->at) % PAGE);
	return end - a->at < page ? end - a->at : page;
}

static int begin(struct host *h, const struct memory_access *a, uint32_t len)
{
	int rc = host_may_reach(h);

	if (rc)
		return rc;
	return a->write ? vu_server_dma_write(h->server, a->iova + a->at, a->data + a->at, len) :
			  vu_server_dma_read(h->server, a->iova + a->at, a->data + a->at, len);
}

/* False: the client has to answer first. */
static bool move(struct host *h, struct memory_access *a)
{
	uint32_t len;
	int rc = 0;

	while (!rc && (len = next_run(a)) > 0) {
		rc = a->in_progress ? vu_server_dma_resume(h->server) : begin(h, a, len);
		a->in_progress = rc == -EINPROGRESS;
		if (a->in_progress)
			return false;
		a->at += len;
	}
	a->failed = rc != 0;
	if (a->failed)
		host_memory_failed(h, a->write, a->iova, a->bytes, rc);
	return true;
}

void queue_add(struct host *h, bool write, uint32_t slot)
{
	struct memory_queue *q = &h->queue;

	q->ring[(q->head + q->num++) % q->room] = (struct memory_item){ write, slot };
	if (q->num == 1)
		queue_go_on(h);
}

void queue_go_on(struct host *h)
{
	struct memory_queue *q = &h->queue;

	while (q->num) {
		const struct memory_item *i = &q->ring[q->head];

		if (!q->begun)
			q->now = i->write ? write_access(h, i->slot) : read_access(h, i->slot);
		q->begun = true;
		if (!move(h, &q->now)) {
			host_event_at(h, h->port.cycle + 1);
			return;
		}
		if (!i->write && read_goes_on(h, i->slot, &q->now))
			continue;
		q->begun = false;
		if (i->write)
			write_carried_out(h, i->slot, q->now.failed);
		else
			read_carried_out(h, i->slot, q->now.failed);
		q->head = (q->head + 1) % q->room;
		q->num--;
	}
}

void queue_reset(struct host *h)
{
	struct memory_queue *q = &h->queue;

	if (q->begun) { /* its answer goes nowhere */
		vu_server_dma_cancel(h->server);
		vu_server_dma_resume(h->server);
	}
	q->begun = q->now.in_progress = false;
	q->num = 0;
}
