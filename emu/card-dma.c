/* SPDX-License-Identifier: BSD-3-Clause */
/* What blocks ask of the card: its lock, the client's memory, interrupts. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/card-internal.h"
#include "vfio-user/server.h"

#define FAULT_LINES 16u /* faults told in the log; the rest are counted */

void block_lock(struct block *b)
{
	pthread_mutex_lock(&b->card->room.lock);
}

void block_unlock(struct block *b)
{
	pthread_mutex_unlock(&b->card->room.lock);
}

static int fault(struct card *c, uint64_t iova, size_t len, bool write, int rc)
{
	if (rc == -ECANCELED || rc == -ENOTCONN) /* a reset, or the client left */
		return rc;
	if (__atomic_add_fetch(&c->counts.dma_faults, 1, __ATOMIC_RELAXED) <= FAULT_LINES)
		fprintf(stderr, "DMA fault: %s of %zu bytes at 0x%" PRIx64 ": %s\n",
			write ? "write" : "read", len, iova,
			rc == -EFAULT ? "no such address, or no permission" :
			rc == -EPERM  ? "bus mastering is off" :
			rc == -EIO    ? "injected" :
					strerror(-rc));
	__atomic_store_n(&c->counts.last_fault_iova, iova, __ATOMIC_RELAXED);
	__atomic_store_n(&c->counts.last_fault_was_write, write, __ATOMIC_RELAXED);
	return rc;
}

static int allowed(const struct block *b)
{
	struct card *c = b->card;

	if (engine_is_quiet(b->engine))
		return -ECANCELED;
	if (atomic_load(&c->gone))
		return -ENOTCONN;
	if (!atomic_load(&c->bus_master))
		return -EPERM;
	if (c->inject->dma_fail && atomic_fetch_add(&c->dma_done, 1) % c->inject->dma_fail ==
					   c->inject->dma_fail - 1)
		return -EIO;
	return 0;
}

#define DMA_LINE 64u

static void count(uint64_t *what, uint64_t n)
{
	__atomic_add_fetch(what, n, __ATOMIC_RELAXED);
}

static void count_read(const struct block *b, size_t len)
{
	struct card_traffic *t = &b->card->traffic[b->port];

	count(&t->dma_reads, 1);
	count(&t->read_lines, (len + DMA_LINE - 1) / DMA_LINE);
}

static void count_write(const struct block *b, size_t len)
{
	struct card_traffic *t = &b->card->traffic[b->port];

	count(&t->dma_writes, 1);
	count(&t->write_lines, (len + DMA_LINE - 1) / DMA_LINE);
}

void card_traffic(const struct card *c, unsigned int port, struct card_traffic *out)
{
	const struct card_traffic *t = &c->traffic[port];

	out->dma_reads = __atomic_load_n(&t->dma_reads, __ATOMIC_RELAXED);
	out->dma_writes = __atomic_load_n(&t->dma_writes, __ATOMIC_RELAXED);
	out->read_lines = __atomic_load_n(&t->read_lines, __ATOMIC_RELAXED);
	out->write_lines = __atomic_load_n(&t->write_lines, __ATOMIC_RELAXED);
	out->mmio_reads = __atomic_load_n(&t->mmio_reads, __ATOMIC_RELAXED);
	out->mmio_writes = __atomic_load_n(&t->mmio_writes, __ATOMIC_RELAXED);
}

/* A cancelled message may have been another block's to cancel: then this one's goes again. */
static bool again(const struct block *b, int rc)
{
	return rc == -ECANCELED && !engine_is_quiet(b->engine);
}

int block_dma_copy(struct block *b, uint64_t dst, uint64_t src, size_t len)
{
	uint64_t where = src;
	int rc = allowed(b);

	if (!rc)
		do
			rc = vu_server_dma_copy(b->card->server, dst, src, len, &where);
		while (again(b, rc));
	if (rc)
		return fault(b->card, where, len, where - dst < len, rc);
	count_read(b, len);
	count_write(b, len);
	return 0;
}

int block_dma_read(struct block *b, uint64_t iova, void *data, size_t len)
{
	int rc = allowed(b);

	if (!rc)
		do
			rc = vu_server_dma_read(b->card->server, iova, data, len);
		while (again(b, rc));
	if (rc)
		return fault(b->card, iova, len, false, rc);
	count_read(b, len);
	return 0;
}

int block_dma_write(struct block *b, uint64_t iova, const void *data, size_t len)
{
	int rc = allowed(b);

	if (!rc)
		do
			rc = vu_server_dma_write(b->card->server, iova, data, len);
		while (again(b, rc));
	if (rc)
		return fault(b->card, iova, len, true, rc);
	count_write(b, len);
	return 0;
}

/* Each half is a DMA of its own, with its own faults and its own way through a reset. */
static int read_then_write(struct block *b, uint64_t iova, enum vu_atomic_op op,
			   unsigned int bytes, uint64_t operand, uint64_t compare, uint64_t *old)
{
	uint64_t seen = 0, mask = bytes == 8 ? UINT64_MAX : UINT32_MAX;
	int rc = block_dma_read(b, iova, &seen, bytes);

	if (rc)
		return rc;
	*old = seen;
	if (op == VU_COMPARE_SWAP && seen != (compare & mask))
		return 0;
	if (op == VU_FETCH_ADD)
		operand += seen;
	return block_dma_write(b, iova, &operand, bytes);
}

int block_dma_atomic(struct block *b, uint64_t iova, enum vu_atomic_op op, unsigned int bytes,
		     uint64_t operand, uint64_t compare, uint64_t *old)
{
	int rc = allowed(b);

	if (!rc)
		rc = vu_server_dma_atomic(b->card->server, iova, op, bytes, operand, compare, old);
	if (rc == -EOPNOTSUPP)
		return read_then_write(b, iova, op, bytes, operand, compare, old);
	if (rc)
		return fault(b->card, iova, bytes, true, rc);
	count_read(b, bytes);
	count_write(b, bytes);
	return 0;
}

bool block_may_work(const struct block *b)
{
	return !engine_is_quiet(b->engine) && !atomic_load(&b->card->gone);
}

/* A message interrupt is a write to memory: without bus mastering there is none. */
void block_interrupt(struct block *b, uint32_t n)
{
	const struct card *c = b->card;

	if (n < b->num_vectors && !c->inject->no_interrupts && !atomic_load(&c->gone) &&
	    atomic_load(&c->bus_master))
		vu_server_irq(b->card->server, VU_MSIX, b->first_vector + n);
}

void card_counts(struct card *c, struct card_counts *out)
{
	struct vu_server_counts traffic;

	vu_server_counts(c->server, &traffic);
	out->dma_faults = __atomic_load_n(&c->counts.dma_faults, __ATOMIC_RELAXED);
	out->last_fault_iova = __atomic_load_n(&c->counts.last_fault_iova, __ATOMIC_RELAXED);
	out->last_fault_was_write =
		__atomic_load_n(&c->counts.last_fault_was_write, __ATOMIC_RELAXED);
	out->messages = traffic.messages;
	out->clients = traffic.clients;
}
