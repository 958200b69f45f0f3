/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tlp/atomic.h"

#include <string.h>

static bool is_cas(uint8_t type)
{
	return type == TLP_CAS32 || type == TLP_CAS64;
}

uint32_t tlp_atomic_bytes(const struct tlp_header *h)
{
	return is_cas(h->type) ? h->length / 2 : h->length;
}

static uint64_t get(const uint8_t *b, uint32_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | b[n];
	return v;
}

static uint64_t new_value(uint8_t type, uint64_t old, uint64_t first, uint64_t second)
{
	if (is_cas(type))
		return old == first ? second : old;
	return type == TLP_FETCH_ADD32 || type == TLP_FETCH_ADD64 ? old + first : first;
}

void tlp_atomic_start(struct tlp_atomic *a, const struct tlp_packet *k)
{
	a->busy = true;
	a->type = k->header.type;
	a->tag = k->header.tag;
	memcpy(a->operands, k->payload, k->header.length);
}

static void end(struct tlp_atomic *a, struct tlp_reads *r)
{
	a->busy = false;
	tlp_reads_ready(r, a->tag);
}

void tlp_atomic_read(struct tlp_atomic *a, struct host_port *p, struct tlp_reads *r)
{
	struct tlp_read *t = &r->tags[a->tag];
	uint32_t n = t->header.length;
	uint64_t v = new_value(a->type, get(t->data, n), get(a->operands, n), get(a->operands + n, n));
	uint8_t bytes[8];
	struct host_write w = { .cookie = TLP_ATOMIC_COOKIE, .iova = t->header.address, .bytes = n,
		.enables = UINT64_MAX, .ordered = true, .data = bytes };

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> 8 * i);
	if (!t->failed && host_write(p, &w))
		return;
	t->failed = true;
	end(a, r);
}

void tlp_atomic_written(struct tlp_atomic *a, struct tlp_reads *r, bool error)
{
	r->tags[a->tag].failed |= error;
	end(a, r);
}
