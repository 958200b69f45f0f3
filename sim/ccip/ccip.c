/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter. A read needs no memory of its own: all that its responses need is in the cookie. The host
 * answers the lines of a write one by one; on VL0 the AFU is told of each, as the card does, and elsewhere of
 * the whole packet when its last line is done, so packets are counted in slots.
 */
#include "sim/ccip/ccip.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "sim/ccip/ccip-check.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pins are words of a little-endian machine");

#define NO_SLOT UINT32_MAX
#define SINGLE (UINT64_C(1) << 63) /* in the cookie of a packet of one line, which needs no slot */

struct packet {
	uint64_t address; /* of its first beat, in lines, as are the next */
	unsigned int used, len, mdata; /* used: its channel */
	unsigned int to_send, to_answer;
	uint32_t next_free;
};

struct ccip {
	struct ccip_check check;
	uint64_t random;
	struct host_mmio access; /* the last one */
	struct packet *packets;
	uint32_t n_packets, free_slot;
	uint32_t open_slot; /* of the packet whose beats are coming, or NO_SLOT */
};

struct ccip *ccip_new(const struct ccip_options *options)
{
	struct ccip *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->check.no_byte_range = options->no_byte_range;
	c->random = options->seed;
	c->free_slot = c->open_slot = NO_SLOT;
	return c;
}

void ccip_free(struct ccip *c)
{
	if (!c)
		return;
	free(c->packets);
	free(c);
}

/* ---- slots ---- */

static void slots_add_free(struct ccip *c, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		c->packets[i].next_free = c->free_slot;
		c->free_slot = i;
	}
}

static bool slots_grow(struct ccip *c)
{
	uint32_t n = c->n_packets ? c->n_packets * 2 : 256;
	struct packet *bigger = realloc(c->packets, n * sizeof(*bigger));

	if (!bigger)
		return false;
	c->packets = bigger;
	slots_add_free(c, c->n_packets, n);
	c->n_packets = n;
	return true;
}

static uint32_t slot_take(struct ccip *c)
{
	uint32_t slot;

	if (c->free_slot == NO_SLOT && !slots_grow(c))
		return NO_SLOT;
	slot = c->free_slot;
	c->free_slot = c->packets[slot].next_free;
	return slot;
}

static void slot_give(struct ccip *c, uint32_t slot)
{
	slots_add_free(c, slot, slot + 1);
}

/* The host forgets what was under way when the AFU is reset. */
static void slots_forget(struct ccip *c)
{
	c->free_slot = c->open_slot = NO_SLOT;
	slots_add_free(c, 0, c->n_packets);
}

/* ---- to the AFU ---- */

static void drive_mmio(struct ccip *c, struct host_port *p, struct ccip_rx *rx)
{
	struct host_mmio *m = &c->access;

	if (!host_take_mmio(p, m))
		return;
	rx->c0_hdr = ccip_mmio_request(m->address, m->bytes, m->tag);
	rx->c0_mmio_rd = !m->write;
	rx->c0_mmio_wr = m->write;
	rx->c0_data = m->data;
}

/* A read's cookie is its mdata and, above it, its channel. */
static void drive_read(struct host_port *p, struct ccip_rx *rx)
{
	struct host_read_line line;

	if (!host_take_read(p, &line))
		return;
	rx->c0_hdr = ccip_c0_response((unsigned int)(line.cookie >> 16), line.error, line.index,
				      (unsigned int)(line.cookie & 0xffff));
	rx->c0_data = line.data;
	rx->c0_rsp = true;
}

/* One line of a packet is written. Its cookie is the slot and, above it, which line. */
static void drive_beat(struct ccip *c, const struct host_write_done *done, struct ccip_rx *rx)
{
	uint32_t slot = (uint32_t)done->cookie;
	unsigned int line = (unsigned int)(done->cookie >> 32);
	struct packet *k = &c->packets[slot];
	bool packed = k->len && k->used != CCIP_VL0;

	k->to_answer--;
	if (!packed || !k->to_answer) {
		rx->c1_rsp = true;
		rx->c1_hdr = ccip_write_response(k->used, packed, packed ? k->len : line, k->mdata);
	}
	if (!k->to_answer)
		slot_give(c, slot);
}

static void drive_write(struct ccip *c, struct host_port *p, struct ccip_rx *rx)
{
	struct host_write_done done;
	unsigned int mdata;

	if (!host_take_write(p, &done))
		return;
	if (done.kind == HOST_WRITE && !(done.cookie & SINGLE)) {
		drive_beat(c, &done, rx);
		return;
	}
	mdata = done.cookie & 0xffff;
	rx->c1_rsp = true;
	if (done.kind == HOST_WRITE)
		rx->c1_hdr = ccip_write_response(done.cookie >> 16 & 3, false, 0, mdata);
	else
		rx->c1_hdr = ccip_other_response(done.kind == HOST_FENCE ? CCIP_WRFENCE : CCIP_INTR, mdata);
}

void ccip_drive(struct ccip *c, struct host_port *p, struct ccip_rx *rx)
{
	if (p->reset && !rx->reset)
		slots_forget(c);
	rx->reset = p->reset;
	rx->c0_almfull = p->read_full;
	rx->c1_almfull = p->write_full;
	rx->c0_rsp = rx->c0_mmio_rd = rx->c0_mmio_wr = rx->c1_rsp = false;
	ccip_check_cycle(&c->check, p);
	if (p->mmio_ready)
		drive_mmio(c, p, rx);
	else if (p->read_ready)
		drive_read(p, rx);
	if (p->write_ready)
		drive_write(c, p, rx);
}

/* ---- from the AFU ---- */

/* A card chooses for each request on VA. In strict order that is left to the answer. */
static unsigned int choose_channel(struct ccip *c, const struct host_port *p, unsigned int vc)
{
	if (vc != CCIP_VA || !p->shuffle)
		return vc;
	return CCIP_VL0 + (unsigned int)(splitmix64(&c->random) % 3);
}

static void sample_c0(struct ccip *c, struct host_port *p, const uint32_t *hdr)
{
	struct ccip_request r;
	struct host_read read;

	ccip_c0_request(hdr, &r);
	if (!ccip_check_plain_read(&c->check, p, &r) && !ccip_check_c0(&c->check, p, &r))
		return;
	read.cookie = (uint64_t)choose_channel(c, p, r.vc) << 16 | r.mdata;
	read.iova = r.address * HOST_LINE;
	read.bytes = (r.len + 1) * HOST_LINE;
	read.ordered = read.after_writes = false;
	if (!host_read(p, &read))
		host_error(p, "c0-overflow", "a read is lost: there is no room for it");
}

static uint64_t byte_enables(const struct ccip_request *r)
{
	uint64_t all = ~UINT64_C(0);

	if (!r->byte_mode || r->len)
		return all;
	return r->byte_len ? all >> (HOST_LINE - r->byte_len) << r->byte_start : 0;
}

static uint32_t packet_begin(struct ccip *c, const struct host_port *p, const struct ccip_request *r)
{
	uint32_t slot = slot_take(c);
	struct packet *k;

	if (slot == NO_SLOT)
		return slot;
	k = &c->packets[slot];
	k->address = r->address;
	k->used = choose_channel(c, p, r->vc);
	k->len = r->len;
	k->mdata = r->mdata;
	k->to_send = k->to_answer = r->len + 1;
	return slot;
}

/* False: there is no memory for it. */
static bool next_beat(struct ccip *c, const struct host_port *p, const struct ccip_request *r,
		      struct host_write *write)
{
	struct packet *k;
	unsigned int line;

	if (c->open_slot == NO_SLOT)
		c->open_slot = packet_begin(c, p, r);
	if (c->open_slot == NO_SLOT)
		return false;
	k = &c->packets[c->open_slot];
	line = k->len + 1 - k->to_send;
	/* The address of a later beat is nothing that a card looks at. */
	write->iova = (k->address + line) * HOST_LINE;
	write->cookie = (uint64_t)line << 32 | c->open_slot;
	write->channel = k->used;
	k->to_send--;
	if (!k->to_send)
		c->open_slot = NO_SLOT;
	return true;
}

static bool sample_write(struct ccip *c, struct host_port *p, const struct ccip_request *r,
			 const uint32_t *data)
{
	struct host_write write = {
		.bytes = HOST_LINE,
		.enables = byte_enables(r),
		.data = data,
	};

	if (r->len || c->open_slot != NO_SLOT) {
		if (!next_beat(c, p, r, &write))
			return false;
	} else {
		write.iova = r->address * HOST_LINE;
		write.channel = choose_channel(c, p, r->vc);
		write.cookie = SINGLE | (uint64_t)write.channel << 16 | r->mdata;
	}
	return host_write(p, &write);
}

static void sample_c1(struct ccip *c, struct host_port *p, const uint32_t *hdr, const uint32_t *data)
{
	struct ccip_request r;
	uint64_t cookie;
	bool taken = true;

	ccip_c1_request(hdr, &r);
	cookie = (uint64_t)r.vc << 16 | r.mdata;
	if (!ccip_check_plain_write(&c->check, p, &r) && !ccip_check_c1(&c->check, p, &r))
		return;
	if (r.type == CCIP_WRFENCE)
		taken = host_fence(p, cookie, r.vc);
	else if (r.type == CCIP_INTR)
		taken = host_interrupt(p, (uint64_t)r.vc << 16 | (r.mdata & 3), r.vc, r.mdata & 3, false);
	else
		taken = sample_write(c, p, &r, data);
	if (!taken)
		host_error(p, "c1-overflow", "request type %u is lost: there is no room for it", r.type);
}

void ccip_sample(struct ccip *c, struct host_port *p, const struct ccip_tx *tx)
{
	if (tx->c0_valid)
		sample_c0(c, p, tx->c0_hdr);
	if (tx->c1_valid)
		sample_c1(c, p, tx->c1_hdr, tx->c1_data);
	if (tx->c2_valid && ccip_check_c2(&c->check, p, tx->c2_tid))
		host_mmio_done(p, tx->c2_tid, tx->c2_data);
}
