/* SPDX-License-Identifier: BSD-3-Clause */
/* Atomic operations of the device on the client's memory, by the CPU's own. */
#include <errno.h>

#include "vfio-user/server-internal.h"

struct atomic_access {
	void *at;
	enum vu_atomic_op op;
	uint64_t operand, compare, old;
};

/*
 * The two may be left by a jump, from a handler. ThreadSanitizer's atomics hold a lock of its own meanwhile,
 * so these are the CPU's even then; what they race with is another process.
 */
#define PLAIN __attribute__((no_sanitize_thread))

static PLAIN void access32(void *arg)
{
	struct atomic_access *a = arg;
	uint32_t operand = (uint32_t)a->operand, seen = (uint32_t)a->compare;

	switch (a->op) {
	case VU_FETCH_ADD:
		seen = __atomic_fetch_add((uint32_t *)a->at, operand, __ATOMIC_SEQ_CST);
		break;
	case VU_SWAP:
		seen = __atomic_exchange_n((uint32_t *)a->at, operand, __ATOMIC_SEQ_CST);
		break;
	case VU_COMPARE_SWAP:
		__atomic_compare_exchange_n((uint32_t *)a->at, &seen, operand, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	}
	a->old = seen;
}

static PLAIN void access64(void *arg)
{
	struct atomic_access *a = arg;
	uint64_t seen = a->compare;

	switch (a->op) {
	case VU_FETCH_ADD:
		seen = __atomic_fetch_add((uint64_t *)a->at, a->operand, __ATOMIC_SEQ_CST);
		break;
	case VU_SWAP:
		seen = __atomic_exchange_n((uint64_t *)a->at, a->operand, __ATOMIC_SEQ_CST);
		break;
	case VU_COMPARE_SWAP:
		__atomic_compare_exchange_n((uint64_t *)a->at, &seen, a->operand, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		break;
	}
	a->old = seen;
}

/* The mapping of a descriptor with a crooked offset has words that are not aligned here. */
static int locate(const struct vu_dma_table *t, uint64_t iova, unsigned int bytes, void **at)
{
	struct vu_spot spot;
	int rc = vu_dma_look(t, iova, bytes, false, &spot);

	if (!rc)
		rc = vu_dma_look(t, iova, bytes, true, &spot);
	if (rc)
		return rc;
	if (!spot.at || (uintptr_t)spot.at % bytes)
		return -EOPNOTSUPP;
	*at = spot.at;
	return 0;
}

int vu_server_dma_atomic(struct vu_server *s, uint64_t iova, enum vu_atomic_op op,
			 unsigned int bytes, uint64_t operand, uint64_t compare, uint64_t *old)
{
	struct atomic_access a = { .op = op, .operand = operand, .compare = compare };
	int rc;

	if ((bytes != 4 && bytes != 8) || iova % bytes || (unsigned int)op > VU_COMPARE_SWAP)
		return -EINVAL;
	if (!vu_server_has_client(s))
		return -ENOTCONN;
	pthread_rwlock_rdlock(&s->dma.lock);
	rc = locate(&s->dma, iova, bytes, &a.at);
	if (!rc)
		rc = vu_guarded(bytes == 8 ? access64 : access32, &a);
	pthread_rwlock_unlock(&s->dma.lock);
	if (!rc)
		*old = a.old;
	return rc;
}
