/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter: packets from the AFU go to where their kind is dealt with, and one packet at a time is on
 * its way on each stream to the AFU. In shuffled order the host carries out a write when it answers it, so
 * a read or an atomic on TX-A that comes after writes is held until they are answered, and TX-A stands
 * still meanwhile.
 */
#include "sim/tlp/tlp.h"

#include <stdlib.h>

#include "base/random.h"
#include "sim/tlp/atomic.h"
#include "sim/tlp/check.h"
#include "sim/tlp/reads.h"
#include "sim/tlp/send.h"
#include "sim/tlp/writes.h"

#define NO_TAG (-1)

_Static_assert(TLP_TAGS * TLP_MAX_PAYLOAD <= HOST_LINES * HOST_LINE, "all reads that there can be have room");

struct tlp {
	struct tlp_options options;
	uint64_t random;
	bool in_reset;
	struct tlp_handshake tx_a_pins, tx_b_pins;
	struct tlp_packet tx_a, tx_b;
	bool held; /* the packet in tx_a is whole, and waits for writes before it */
	struct tlp_asked asked[HOST_MMIO_TAGS];
	struct tlp_reads reads;
	struct tlp_writes writes;
	struct tlp_send rx_a, rx_b;
	int rx_tag; /* of the completion in rx_a; NO_TAG: an access to a register */
};

struct tlp *tlp_new(const struct tlp_options *options)
{
	struct tlp *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->options = *options;
	t->random = options->seed * 2 + 1; /* not 0 */
	t->tx_a_pins.name = "TX-A";
	t->tx_b_pins.name = "TX-B";
	tlp_writes_reset(&t->writes);
	return t;
}

void tlp_free(struct tlp *t)
{
	free(t);
}

static bool chance(struct tlp *t, unsigned int percent)
{
	return percent && xorshift64(&t->random) % 100 < percent;
}

/* What was under way is forgotten, as the host forgets it. */
static void reset(struct tlp *t)
{
	t->tx_a.begun = t->tx_b.begun = false;
	t->held = false;
	for (unsigned int i = 0; i < HOST_MMIO_TAGS; i++)
		t->asked[i].waiting = false;
	for (unsigned int i = 0; i < TLP_TAGS; i++)
		t->reads.tags[i].busy = false;
	t->reads.num = 0;
	tlp_writes_reset(&t->writes);
	t->rx_a.size = t->rx_b.size = 0;
	t->rx_a.shown = t->rx_b.shown = false;
}

/* ---- to the AFU ---- */

static void take_answers(struct tlp *t, struct host_port *p)
{
	struct host_read_line line;
	struct host_write_done done;

	if (p->read_ready && host_take_read(p, &line) && tlp_reads_line(&t->reads, &line))
		tlp_reads_ready(&t->reads, (uint16_t)line.cookie);
	if (p->write_ready && host_take_write(p, &done))
		tlp_writes_answer(&t->writes, done.cookie);
}

static void send_access(struct tlp *t, const struct host_mmio *m)
{
	struct tlp_header h = {
		.type = m->write ? TLP_MWR32 : TLP_MRD32,
		.tag = (uint16_t)m->tag,
		.length = m->bytes,
		.address = m->address,
		.requester = TLP_HOST_ID,
		.first_be = 0xf,
		.last_be = m->bytes > TLP_DW ? 0xf : 0,
		.vf_active = true,
	};

	if (!m->write)
		t->asked[m->tag] = (struct tlp_asked){ true, m->address, m->bytes };
	tlp_send_begin(&t->rx_a, &h, m->data);
	t->rx_tag = NO_TAG;
}

static void next_packets(struct tlp *t, struct host_port *p)
{
	struct host_mmio m;

	if (!tlp_send_busy(&t->rx_a)) {
		if (p->mmio_ready && host_take_mmio(p, &m))
			send_access(t, &m);
		else
			t->rx_tag = tlp_reads_send(&t->reads, chance(t, t->options.split), &t->rx_a);
	}
	if (!tlp_send_busy(&t->rx_b))
		tlp_writes_send(&t->writes, &t->rx_b);
}

/* ---- from the AFU ---- */

static bool ask_host(struct host_port *p, const struct tlp_packet *k, bool tx_b)
{
	const struct tlp_header *h = &k->header;
	struct host_read r = { .cookie = h->tag,
			       .iova = h->address,
			       .bytes = h->length,
			       .ordered = true,
			       .after_writes = !tx_b };
	struct host_atomic a;

	if (!tlp_is_atomic(h->type))
		return host_read(p, &r);
	a = tlp_atomic(k);
	return host_atomic(p, &a);
}

static void start_read(struct tlp *t, struct host_port *p, const struct tlp_packet *k, bool tx_b)
{
	struct tlp_header h = k->header;

	if (tlp_is_atomic(h.type))
		h.length = tlp_atomic_bytes(&h);
	if (!tlp_reads_open(&t->reads, &h)) {
		host_error(p, "tlp-tag-used", "tag 0x%x is still in use by an earlier read", h.tag);
		return;
	}
	if (!ask_host(p, k, tx_b)) {
		host_error(p, "tlp-lost", "the host had no room for a read, tag 0x%x", h.tag);
		t->reads.tags[h.tag].failed = true;
		tlp_reads_ready(&t->reads, h.tag);
	}
}

static void answer_access(struct tlp *t, struct host_port *p, const struct tlp_packet *k)
{
	const struct tlp_header *h = &k->header;
	struct tlp_asked *asked = h->tag < HOST_MMIO_TAGS ? &t->asked[h->tag] : NULL;
	uint64_t value = 0;

	if (!tlp_check_completion(p, h, asked))
		return;
	asked->waiting = false;
	for (uint32_t i = k->bytes; i--;)
		value = value << 8 | k->payload[i];
	host_mmio_done(p, h->tag, h->type == TLP_CPL ? UINT64_MAX : value);
}

static void accept(struct tlp *t, struct host_port *p, const struct tlp_packet *k, bool tx_b)
{
	uint8_t type = k->header.type;

	if (tlp_is_completion(type))
		answer_access(t, p, k);
	else if (tlp_is_write(type) || type == TLP_INTERRUPT)
		tlp_writes_start(&t->writes, p, k, !tx_b);
	else if (!tx_b && p->shuffle && t->writes.unanswered)
		t->held = true;
	else
		start_read(t, p, k, tx_b);
}

static void receive(struct tlp *t, struct host_port *p, struct tlp_packet *k, const struct axis *a, bool tx_b)
{
	if (a->valid && a->ready && tlp_packet_beat(k, p, tx_b, &a->beat))
		accept(t, p, k, tx_b);
}

/* ---- the cycle ---- */

void tlp_drive(struct tlp *t, struct host_port *p, struct tlp_pins *pins)
{
	bool slots;

	pins->reset = p->reset;
	if (p->reset) {
		if (!t->in_reset)
			reset(t);
		t->in_reset = true;
		pins->tx_a.ready = pins->tx_b.ready = false;
		pins->rx_a.valid = pins->rx_b.valid = false;
		return;
	}
	t->in_reset = false;
	take_answers(t, p);
	if (t->held && !t->writes.unanswered) {
		t->held = false;
		start_read(t, p, &t->tx_a, false);
	}
	next_packets(t, p);
	tlp_send_drive(&t->rx_a, &pins->rx_a, chance(t, t->options.stall));
	tlp_send_drive(&t->rx_b, &pins->rx_b, chance(t, t->options.stall));

	/* Either stream may end a packet in this cycle: a slot for each. */
	slots = t->writes.num_free >= 2;
	/* An answer of the AFU's on TX-A waits for no read: there is room for as many as have tags. */
	pins->tx_a.ready = slots && !p->write_full && !t->held && !chance(t, t->options.stall);
	/* Interrupts come on TX-B, too. */
	pins->tx_b.ready = slots && !p->read_full && !p->write_full && !chance(t, t->options.stall);
}

void tlp_sample(struct tlp *t, struct host_port *p, const struct tlp_pins *pins)
{
	tlp_check_handshake(&t->tx_a_pins, p, pins->reset, &pins->tx_a);
	tlp_check_handshake(&t->tx_b_pins, p, pins->reset, &pins->tx_b);
	if (pins->rx_a.valid && pins->rx_a.ready && tlp_send_taken(&t->rx_a) && t->rx_tag != NO_TAG)
		tlp_reads_sent(&t->reads, (uint16_t)t->rx_tag);
	if (pins->rx_b.valid && pins->rx_b.ready)
		tlp_send_taken(&t->rx_b);
	receive(t, p, &t->tx_a, &pins->tx_a, false);
	receive(t, p, &t->tx_b, &pins->tx_b, true);
}
