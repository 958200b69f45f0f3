/* SPDX-License-Identifier: BSD-3-Clause */
/* One cycle of the host, and its reset. */
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "sim/host/host-internal.h"

int host_init(struct host *h, const struct sim_model *model, const struct settings *set)
{
	int rc;

	memset(h, 0, sizeof(*h));
	h->model = model;
	h->set = *set;
	h->script = h->folder = -1;
	h->random = set->order_seed;
	h->port.shuffle = set->shuffle;
	h->port.reset = true;
	h->reset_end = HOST_RESET_CYCLES;
	rc = mmio_init(&h->mmio);
	if (!rc)
		rc = reads_init(&h->reads, set->outstanding);
	if (!rc)
		rc = writes_init(&h->writes, set->outstanding);
	if (!rc)
		rc = queue_init(&h->queue, h->reads.room + h->writes.room);
	return rc;
}

void host_done(struct host *h)
{
	vu_server_free(h->server);
	mmio_done(&h->mmio);
	reads_done(&h->reads);
	writes_done(&h->writes);
	queue_done(&h->queue);
}

uint64_t host_random(struct host *h, uint64_t below)
{
	uint64_t z = splitmix64(&h->random);

	return below ? z % below : 0;
}

void host_end(struct host *h, const char *why)
{
	if (!h->ending)
		h->why_ending = why;
	h->ending = true;
}

/*
 * The client's accesses are answered at once; the rest happens between two cycles, for this may be called
 * while a request of the AFU is carried out.
 */
void host_ask_reset(struct host *h)
{
	mmio_reset(h);
	vu_config_reset(&h->config);
	host_memory_changed(h);
	memset(h->msix, 0, sizeof(h->msix));
	h->stopped = false;
	h->reset_asked = true;
	h->next_event = 0;
}

static void begin_reset(struct host *h)
{
	h->reset_asked = false;
	h->port.reset = true;
	h->reset_end = h->port.cycle + HOST_RESET_CYCLES;
	queue_reset(h);
	reads_reset(&h->reads, h->port.cycle);
	writes_reset(&h->writes, h->port.cycle);
	h->port.read_full = h->port.write_full = false;
	h->port.read_ready = h->port.write_ready = h->port.mmio_ready = false;
	h->last_active = h->port.cycle;
	log_event(h, "reset", 0, 0, 0, NULL);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The client may have to be waited for, and may reset the device meanwhile. */
static void move_memory(struct host *h)
{
	struct host_port *p = &h->port;

	queue_go_on(h);
	p->read_ready = due_next(&h->reads.due) <= p->cycle && read_ready(h);
	p->write_ready = due_next(&h->writes.due) <= p->cycle && write_ready(h);
	p->read_full = host_is_full(h, &h->reads.due);
	p->write_full = host_is_full(h, &h->writes.due);
}

/* Sets the port's fields for this cycle, and finds the next cycle in which they may change by themselves. */
static void look(struct host *h)
{
	struct host_port *p = &h->port;

	if (!p->reset && !h->reset_asked)
		move_memory(h);
	if (h->reset_asked)
		begin_reset(h);
	if (p->reset && p->cycle < h->reset_end) {
		h->next_event = h->reset_end;
		return;
	}
	if (p->reset) {
		p->reset = false;
		h->mmio.next_cycle = p->cycle + h->set.mmio_gap;
		log_event(h, "reset-end", 0, 0, 0, NULL);
	}
	h->next_event = mmio_look(h);
	if (!p->read_ready)
		h->next_event = sooner(h->next_event, due_next(&h->reads.due));
	if (!p->write_ready)
		h->next_event = sooner(h->next_event, due_next(&h->writes.due));
	if (h->queue.num)
		h->next_event = p->cycle;
}

static void wave_window(struct host *h)
{
	if (h->wave_done || !h->set.wave[0])
		return;
	if (h->port.cycle >= h->set.wave_to) {
		wave_end(h);
		h->wave_done = true;
	} else if (!h->wave_open && h->port.cycle >= h->set.wave_from) {
		int rc = wave_begin(h, h->set.wave);

		h->wave_done = rc != 0;
		if (rc)
			host_error(&h->port, "wave", "%s: %s", h->set.wave, wave_why(rc));
	}
}

void host_cycle(struct host *h)
{
	h->port.cycle++;
	if (h->port.cycle >= h->next_event)
		look(h);
	if (h->set.wave[0])
		wave_window(h);
	if (!h->model->tick(h->model->self, &h->port))
		host_end(h, "the design has finished");
}

void host_active(struct host_port *p)
{
	host_of(p)->last_active = p->cycle;
}

bool host_quiet(const struct host *h)
{
	return !h->port.reset && !h->reset_asked && !h->mmio.num && !h->mmio.outstanding &&
	       !h->reads.due.num && !h->writes.due.num;
}
