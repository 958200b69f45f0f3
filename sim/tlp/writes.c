/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tlp/writes.h"

#include <string.h>

void tlp_writes_reset(struct tlp_writes *w)
{
	memset(w, 0, sizeof(*w));
	for (uint16_t i = 0; i < TLP_WRITES; i++)
		w->free[w->num_free++] = i;
}

static bool enabled(const struct tlp_header *h, uint32_t byte)
{
	if (h->dm)
		return true;
	if (byte < TLP_DW)
		return h->first_be >> byte & 1;
	if (byte >= h->length - TLP_DW)
		return h->last_be >> byte % TLP_DW & 1;
	return true;
}

static uint64_t enables(const struct tlp_header *h, uint32_t from, uint32_t n)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < n; i++)
		mask |= (uint64_t)enabled(h, from + i) << i;
	return mask == axis_keep(n) ? UINT64_MAX : mask;
}

static void finish(struct tlp_writes *w, uint16_t slot)
{
	if (w->slots[slot].commit)
		w->done[(w->head + w->num_done++) % TLP_WRITES] = slot;
	else
		w->free[w->num_free++] = slot;
}

/* What PCIe calls posted: carried out in the order in which it came. */
static void write_lines(struct tlp_write *t, struct host_port *p, const struct tlp_packet *k, uint16_t slot)
{
	const struct tlp_header *h = &k->header;
	uint32_t n;

	for (uint32_t at = 0; at < h->length; at += n) {
		struct host_write w = { .cookie = slot, .iova = h->address + at, .ordered = true };

		n = HOST_LINE - (uint32_t)(w.iova % HOST_LINE);
		if (n > h->length - at)
			n = h->length - at;
		w.bytes = n;
		w.enables = enables(h, at, n);
		w.data = k->payload + at;
		if (!w.enables)
			continue;
		if (host_write(p, &w))
			t->left++;
		else
			host_error(p, "tlp-lost", "the host had no room for a write, tag 0x%x", h->tag);
	}
}

void tlp_writes_start(struct tlp_writes *w, struct host_port *p, const struct tlp_packet *k, bool ordered)
{
	uint16_t slot = w->free[--w->num_free];
	struct tlp_write *t = &w->slots[slot];

	t->commit = !(k->user & AXIS_USER_NO_COMMIT);
	t->left = 0;
	t->header = k->header;
	if (k->header.type != TLP_INTERRUPT)
		write_lines(t, p, k, slot);
	else if (host_interrupt(p, slot, 0, k->header.vector, ordered))
		t->left = 1;
	else
		host_error(p, "tlp-lost", "the host had no room for interrupt %u", k->header.vector);
	w->unanswered += t->left;
	if (!t->left)
		finish(w, slot);
}

void tlp_writes_answer(struct tlp_writes *w, uint64_t cookie)
{
	uint16_t slot = (uint16_t)(cookie % TLP_WRITES);

	w->unanswered--;
	if (!--w->slots[slot].left)
		finish(w, slot);
}

bool tlp_writes_send(struct tlp_writes *w, struct tlp_send *s)
{
	struct tlp_header c;
	uint16_t slot;

	if (!w->num_done)
		return false;
	slot = w->done[w->head];
	w->head = (w->head + 1) % TLP_WRITES;
	w->num_done--;
	w->free[w->num_free++] = slot;

	c = w->slots[slot].header;
	c.of_interrupt = c.type == TLP_INTERRUPT;
	if (c.of_interrupt)
		c.metadata = c.vector;
	c.type = TLP_CPL;
	c.final = true;
	c.byte_count = (uint16_t)c.length;
	tlp_send_begin(s, &c, NULL);
	return true;
}
