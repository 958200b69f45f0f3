/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tlp/atomic.h"

static enum host_atomic_op op(uint8_t type)
{
	if (type == TLP_FETCH_ADD32 || type == TLP_FETCH_ADD64)
		return HOST_FETCH_ADD;
	return type == TLP_SWAP32 || type == TLP_SWAP64 ? HOST_SWAP : HOST_COMPARE_SWAP;
}

uint32_t tlp_atomic_bytes(const struct tlp_header *h)
{
	return op(h->type) == HOST_COMPARE_SWAP ? h->length / 2 : h->length;
}

static uint64_t get(const uint8_t *b, uint32_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | b[n];
	return v;
}

/* The one that compares has in front what it compares with. */
struct host_atomic tlp_atomic(const struct tlp_packet *k)
{
	const struct tlp_header *h = &k->header;
	uint32_t bytes = tlp_atomic_bytes(h);

	return (struct host_atomic){ .cookie = h->tag,
				     .iova = h->address,
				     .op = op(h->type),
				     .bytes = bytes,
				     .operand = get(k->payload + (h->length - bytes), bytes),
				     .compare = get(k->payload, bytes) };
}
