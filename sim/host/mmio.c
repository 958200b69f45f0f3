/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register accesses of the client. What it sends is split into what a bus would make of it: a write of a
 * whole line, or aligned words of 8 and 4 bytes. They go to the AFU one after the other with a gap between
 * them, for no bus delivers two in consecutive cycles and designs rely on that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/host/host-internal.h"

int mmio_init(struct mmio *m)
{
	m->room = 64;
	m->ring = calloc(m->room, sizeof(*m->ring));
	return m->ring ? 0 : -ENOMEM;
}

void mmio_done(struct mmio *m)
{
	for (unsigned int i = 0; i < VU_SERVER_MAX_LATER; i++)
		free(m->gathers[i].buf);
	free(m->ring);
}

static int make_room(struct mmio *m)
{
	struct mmio_entry *grown;

	if (m->num < m->room)
		return 0;
	grown = calloc((size_t)m->room * 2, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->num; i++)
		grown[i] = m->ring[(m->head + i) & (m->room - 1)];
	free(m->ring);
	m->ring = grown;
	m->head = 0;
	m->room *= 2;
	return 0;
}

/* A client whose memory is waited for is listened to, however many accesses it sends meanwhile. */
static bool crowded(struct host *h, uint32_t offset, uint32_t len)
{
	if (h->mmio.num + len / 8 + 2 <= HOST_MMIO_MOST)
		return false;
	host_error(&h->port, "mmio-crowd",
		   "an access of %" PRIu32 " bytes at 0x%" PRIx32 " is refused: %" PRIu32 " wait already",
		   len, offset, h->mmio.num);
	return true;
}

static struct mmio_entry *append(struct host *h)
{
	struct mmio *m = &h->mmio;

	if (make_room(m))
		return NULL;
	if (m->num >= HOST_MMIO_CROWD)
		vu_server_pause(h->server);
	host_event_at(h, m->next_cycle);
	return &m->ring[(m->head + m->num++) & (m->room - 1)];
}

/* The word that holds `at`, as wide as its place and the end allow. */
static uint32_t word_at(uint32_t at, uint32_t end, uint32_t *bytes)
{
	uint32_t start = at & ~3u;

	*bytes = start % 8 == 0 && end - start > 4 ? 8 : 4;
	return start;
}

/* ---- from the client ---- */

static struct mmio_gather *new_gather(struct mmio *m, uint32_t offset, uint32_t len, uint64_t ticket)
{
	for (unsigned int i = 0; i < VU_SERVER_MAX_LATER; i++) {
		struct mmio_gather *g = &m->gathers[i];

		if (g->ticket)
			continue;
		g->buf = malloc(len);
		if (!g->buf)
			return NULL;
		g->ticket = ticket;
		g->offset = offset;
		g->len = g->left = len;
		g->failed = false;
		return g;
	}
	return NULL;
}

static void end_gather(struct host *h, struct mmio_gather *g)
{
	vu_server_read_done(h->server, g->ticket, 0, g->buf);
	h->answered = true;
	free(g->buf);
	*g = (struct mmio_gather){ 0 };
}

int mmio_client_read(struct host *h, uint32_t offset, uint32_t len, uint64_t ticket)
{
	struct mmio_gather *g;
	uint32_t end = offset + len, bytes, queued = 0;

	if (crowded(h, offset, len))
		return -EBUSY;
	g = new_gather(&h->mmio, offset, len, ticket);
	if (!g)
		return -ENOMEM;
	for (uint32_t at = offset & ~3u; at < end; at += bytes) {
		struct mmio_entry *e = append(h);

		if (!e) {
			h->mmio.num -= queued;
			free(g->buf);
			*g = (struct mmio_gather){ 0 };
			return -ENOMEM;
		}
		queued++;
		e->write = false;
		e->address = word_at(at, end, &bytes);
		e->bytes = bytes;
		e->gather = (uint32_t)(g - h->mmio.gathers);
	}
	return VU_LATER;
}

static int put_write(struct host *h, uint32_t address, const void *data, uint32_t bytes)
{
	struct mmio_entry *e = append(h);

	if (!e)
		return -ENOMEM;
	e->write = true;
	e->address = address;
	e->bytes = bytes;
	memset(e->data, 0, sizeof(e->data));
	memcpy(e->data, data, bytes);
	return 0;
}

int mmio_client_write(struct host *h, uint32_t offset, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;
	int rc = 0;

	if (crowded(h, offset, len))
		return -EBUSY;
	if (len == HOST_LINE && offset % HOST_LINE == 0)
		return put_write(h, offset, buf, len);
	if (offset % 4 || len % 4) {
		host_warning(&h->port, "mmio-narrow",
			     "a write of %" PRIu32 " bytes at 0x%" PRIx32 " is not made of words and is lost",
			     len, offset);
		return 0;
	}
	while (len && !rc) {
		uint32_t bytes = offset % 8 == 0 && len >= 8 ? 8 : 4;

		rc = put_write(h, offset, from, bytes);
		offset += bytes;
		from += bytes;
		len -= bytes;
	}
	return rc;
}

/* The part of a word that was asked for goes to where it belongs. */
static void fill(struct host *h, uint32_t gather, uint32_t address, uint32_t bytes, uint64_t value)
{
	struct mmio_gather *g = &h->mmio.gathers[gather];
	uint32_t from = address > g->offset ? address : g->offset;
	uint32_t end = address + bytes < g->offset + g->len ? address + bytes : g->offset + g->len;

	if (!g->ticket || end <= from)
		return;
	memcpy(g->buf + (from - g->offset), (const uint8_t *)&value + (from - address), end - from);
	g->left -= end - from;
	if (!g->left)
		end_gather(h, g);
}

void mmio_reset(struct host *h)
{
	struct mmio *m = &h->mmio;

	for (unsigned int i = 0; i < VU_SERVER_MAX_LATER; i++) {
		struct mmio_gather *g = &m->gathers[i];

		if (!g->ticket)
			continue;
		memset(g->buf, 0xff, g->len);
		end_gather(h, g);
	}
	memset(m->tags, 0, sizeof(m->tags));
	m->outstanding = 0;
	m->num = m->head = 0;
	h->port.mmio_ready = false; /* the AFU may be about to look in this very cycle */
}

/* ---- to the AFU ---- */

static bool overdue(struct host *h, uint64_t *next)
{
	struct mmio *m = &h->mmio;
	bool any = false;

	for (uint32_t i = 0; i < HOST_MMIO_TAGS && m->outstanding; i++) {
		struct mmio_tag *t = &m->tags[i];

		if (!t->busy)
			continue;
		if (t->deadline > h->port.cycle) {
			*next = t->deadline < *next ? t->deadline : *next;
			continue;
		}
		any = true;
		host_error(&h->port, "mmio-timeout",
			   "the read of %" PRIu32 " bytes at 0x%" PRIx32 " (tag %" PRIu32
			   ") was not answered in %u cycles",
			   t->bytes, t->address, i, HOST_MMIO_TIMEOUT);
		t->busy = false;
		t->given_up = true;
		m->outstanding--;
		fill(h, t->gather, t->address, t->bytes, UINT64_MAX);
	}
	return any;
}

uint64_t mmio_look(struct host *h)
{
	struct mmio *m = &h->mmio;
	uint64_t next = DUE_NEVER;

	overdue(h, &next);
	h->port.mmio_ready = false;
	if (!m->num)
		return next;
	if (h->port.cycle < m->next_cycle)
		return m->next_cycle < next ? m->next_cycle : next;
	h->port.mmio_ready = m->ring[m->head].write || m->outstanding < HOST_MMIO_TAGS;
	return next;
}

/* In turns. */
static bool find_tag(const struct mmio *m, bool given_up, uint32_t *ret)
{
	for (uint32_t i = 0; i < HOST_MMIO_TAGS; i++) {
		*ret = (m->next_tag + i) % HOST_MMIO_TAGS;
		if (!m->tags[*ret].busy && m->tags[*ret].given_up == given_up)
			return true;
	}
	return false;
}

/* There is one. Those that were given up are taken again when no other is left. */
static uint32_t take_tag(struct mmio *m)
{
	uint32_t tag;

	if (!find_tag(m, false, &tag))
		find_tag(m, true, &tag);
	m->next_tag = tag + 1;
	m->outstanding++;
	return tag;
}

bool host_take_mmio(struct host_port *port, struct host_mmio *ret)
{
	struct host *h = host_of(port);
	struct mmio *m = &h->mmio;
	const struct mmio_entry *e;

	if (!port->mmio_ready)
		return false;
	e = &m->ring[m->head];
	m->head = (m->head + 1) & (m->room - 1);
	m->num--;
	ret->write = e->write;
	ret->address = e->address;
	ret->bytes = e->bytes;
	ret->tag = 0;
	if (e->write) {
		memcpy(ret->data, e->data, sizeof(ret->data));
	} else {
		ret->tag = take_tag(m);
		m->tags[ret->tag] = (struct mmio_tag){ .busy = true,
						       .address = e->address,
						       .bytes = e->bytes,
						       .gather = e->gather,
						       .deadline = port->cycle + HOST_MMIO_TIMEOUT };
		host_event_at(h, port->cycle + HOST_MMIO_TIMEOUT);
	}
	log_event(h, e->write ? "mmio-write" : "mmio-read", ret->address, ret->bytes, ret->tag,
			e->write ? ret->data : NULL);
	port->mmio_ready = false;
	h->last_active = port->cycle;
	h->credit_end = port->cycle + h->set.lockstep_cycles - 1; /* the next one comes in the cycle after */
	m->next_cycle = port->cycle + (h->set.run == RUN_LOCKSTEP ? h->set.lockstep_cycles : h->set.mmio_gap);
	if (m->num)
		host_event_at(h, m->next_cycle);
	return true;
}

/*
 * The writes that an answer pushes may wait for the client, who may reset the device meanwhile: the read was
 * answered then.
 */
void host_mmio_done(struct host_port *port, uint32_t tag, uint64_t value)
{
	struct host *h = host_of(port);
	struct mmio *m = &h->mmio;
	struct mmio_tag t;

	if (port->reset || h->reset_asked)
		return;
	if (tag < HOST_MMIO_TAGS && m->tags[tag].given_up) { /* told when its time was over */
		m->tags[tag].given_up = false;
		log_event(h, "mmio-late", m->tags[tag].address, m->tags[tag].bytes, tag, &value);
		return;
	}
	if (tag >= HOST_MMIO_TAGS || !m->tags[tag].busy) {
		host_error(port, "mmio-unsolicited", "an answer with tag %" PRIu32 ", which waits for none",
			   tag);
		return;
	}
	if (m->num && m->outstanding == HOST_MMIO_TAGS)
		host_event_at(h, port->cycle + 1); /* a read may have waited for the tag */
	t = m->tags[tag];
	m->tags[tag].busy = false;
	m->outstanding--;
	log_event(h, "mmio-data", t.address, t.bytes, tag, &value);
	h->last_active = port->cycle;
	writes_push(h);
	if (!h->reset_asked)
		fill(h, t.gather, t.address, t.bytes, value);
}
