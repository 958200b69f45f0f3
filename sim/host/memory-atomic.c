/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Atomic operations of the AFU: each is a read of one piece, carried out at its place in the queue. There the
 * processor does it at once, or, what it cannot reach, is read and then written before the next has its turn.
 */
#include <string.h>

#include "sim/host/host-internal.h"

static enum vu_atomic_op server_op(enum host_atomic_op op)
{
	switch (op) {
	case HOST_SWAP: return VU_SWAP;
	case HOST_COMPARE_SWAP: return VU_COMPARE_SWAP;
	case HOST_FETCH_ADD: break;
	}
	return VU_FETCH_ADD;
}

bool host_atomic(struct host_port *port, const struct host_atomic *a)
{
	struct host_read r = {
		.cookie = a->cookie, .iova = a->iova, .bytes = a->bytes, .after_writes = true
	};

	if ((a->bytes != 4 && a->bytes != 8) || a->iova % a->bytes)
		return false;
	return read_accept(host_of(port), &r, a);
}

/* What fails here is read and written, which tells why. */
struct memory_access atomic_begin(struct host *h, const struct host_atomic *a, uint8_t *line)
{
	struct memory_access rest = {
		.iova = a->iova, .enables = UINT64_MAX, .data = line, .bytes = a->bytes
	};
	uint64_t old;

	if (host_may_reach(h) || vu_server_dma_atomic(h->server, a->iova, server_op(a->op), a->bytes,
						      a->operand, a->compare, &old))
		return rest;
	memcpy(line, &old, a->bytes);
	rest.bytes = 0;
	return rest;
}

bool atomic_goes_on(struct host_atomic *a, struct memory_access *now)
{
	uint64_t old = 0, compare = 0;

	if (now->write || now->failed || !now->bytes)
		return false;
	memcpy(&old, now->data, a->bytes);
	memcpy(&compare, &a->compare, a->bytes);
	if (a->op == HOST_COMPARE_SWAP && old != compare)
		return false;
	if (a->op == HOST_FETCH_ADD)
		a->operand += old;
	*now = (struct memory_access){ .iova = a->iova,
				       .enables = UINT64_MAX,
				       .data = (uint8_t *)&a->operand,
				       .bytes = a->bytes,
				       .write = true };
	return true;
}
