/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tlp/reads.h"

#include <string.h>

bool tlp_reads_open(struct tlp_reads *r, const struct tlp_header *h)
{
	struct tlp_read *t = &r->tags[h->tag];

	if (t->busy)
		return false;
	t->busy = true;
	t->failed = false;
	t->header = *h;
	t->sent = 0;
	return true;
}

void tlp_reads_ready(struct tlp_reads *r, uint16_t tag)
{
	r->ready[(r->head + r->num++) % TLP_TAGS] = tag;
}

bool tlp_reads_line(struct tlp_reads *r, const struct host_read_line *line)
{
	struct tlp_read *t = &r->tags[line->cookie % TLP_TAGS];

	memcpy(t->data + line->index * HOST_LINE, line->data, line->bytes);
	t->failed |= line->error;
	return line->last;
}

/* PU: what the byte enables leave, from byte `from` of the data on. */
static uint32_t bytes_left(const struct tlp_header *h, uint32_t from)
{
	uint32_t offset = tlp_byte_offset(h);

	return tlp_byte_count(h) - (from > offset ? from - offset : 0);
}

static struct tlp_header completion(const struct tlp_read *t, uint32_t length)
{
	const struct tlp_header *h = &t->header;
	uint64_t address = h->address + t->sent;
	struct tlp_header c = {
		.dm = h->dm,
		.type = t->failed ? TLP_CPL : TLP_CPLD,
		.status = t->failed ? TLP_UNSUPPORTED : TLP_SUCCESS,
		.tag = h->tag,
		.requester = h->requester,
		.length = t->failed ? 0 : length,
		.final = t->failed || t->sent + length == h->length,
		.pf = h->pf,
		.vf = h->vf,
		.vf_active = h->vf_active,
		.metadata = h->metadata,
	};

	if (h->dm) {
		c.low_address = (uint32_t)address & 0xffffff;
	} else {
		c.low_address = (uint32_t)(address + (t->sent ? 0 : tlp_byte_offset(h))) & 0x7f;
		c.byte_count = (uint16_t)bytes_left(h, t->sent);
	}
	return c;
}

int tlp_reads_send(struct tlp_reads *r, bool split, struct tlp_send *s)
{
	struct tlp_read *t;
	struct tlp_header c;
	uint32_t length, to_boundary;

	if (!r->num)
		return -1;
	t = &r->tags[r->ready[r->head]];
	r->head = (r->head + 1) % TLP_TAGS;
	r->num--;

	length = t->header.length - t->sent;
	to_boundary = HOST_LINE - (uint32_t)((t->header.address + t->sent) % HOST_LINE);
	if (split && length > to_boundary)
		length = to_boundary;
	c = completion(t, length);
	tlp_send_begin(s, &c, t->data + t->sent);
	t->sent = c.final ? t->header.length : t->sent + length;
	if (!c.final)
		tlp_reads_ready(r, t->header.tag);
	return t->header.tag;
}

void tlp_reads_sent(struct tlp_reads *r, uint16_t tag)
{
	struct tlp_read *t = &r->tags[tag];

	if (t->sent == t->header.length)
		t->busy = false;
}
