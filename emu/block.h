/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block is a run of registers in a BAR with something behind it: an accelerator (afu-*.c), the
 * management engine (fme.c), a port (port.c). Its registers are memory that the client may have
 * mapped: then it writes them without a word, and the block's engine thread looks for what changed.
 * Otherwise each access is a message, and `written` is told.
 *
 * Locks: all functions but work() are called with the card's lock held, so they need none of
 * their own. work() runs on the engine's thread without it, so that registers answer meanwhile.
 */
#ifndef EMU_BLOCK_H
#define EMU_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio-user/atomic-op.h"

struct card;
struct engine;
struct block;

struct block_ops {
	const char *name;
	const char *help; /* one line, for --list-boards */
	uint64_t guid_high, guid_low; /* of an accelerator, halves as numbers */
	size_t state_size;
	/* The part that may be mapped in "map" mode, bytes; whole pages. UINT64_MAX: to the end. */
	uint64_t map_offset, map_size;
	void (*reset)(struct block *b); /* registers and state as after power-on; nothing is at work */
	/* A trapped write of 4 or 8 bytes, aligned. */
	void (*written)(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes);
	/* A trapped read of `len` bytes is about to be answered with what is in the registers. */
	void (*reading)(struct block *b, uint64_t offset, uint32_t len);
	/* The card's faults that wait for a signal happen now. */
	void (*raise)(struct block *b);
	/* Looks at mapped registers. True: something changed since the last look. */
	bool (*look)(struct block *b);
	bool (*has_work)(struct block *b);
	void (*work)(struct block *b);
};

struct block {
	const struct block_ops *ops;
	struct card *card;
	struct engine *engine; /* accelerators have one */
	uint8_t *regs;
	uint64_t size;
	bool mapped; /* the client may have the mappable part mapped */
	unsigned int first_vector, num_vectors; /* its interrupts among the card's */
	unsigned int port;			/* of the card */
	void *state;
};

/* ---- what a block asks of the card; DMA from work() alone. 0 or a negative errno. ---- */

void block_lock(struct block *b);
void block_unlock(struct block *b);
/* -ECANCELED: a reset took the DMA away; -ENOTCONN: the client left; -EFAULT, -EPERM: faults. */
int block_dma_copy(struct block *b, uint64_t dst, uint64_t src, size_t len);
int block_dma_read(struct block *b, uint64_t iova, void *data, size_t len);
int block_dma_write(struct block *b, uint64_t iova, const void *data, size_t len);
/*
 * A word of 4 or 8 bytes, naturally aligned (else -EINVAL). Memory that is reached by messages is read
 * and then written: others may see, and lose, what happens in between.
 */
int block_dma_atomic(struct block *b, uint64_t iova, enum vu_atomic_op op, unsigned int bytes,
		     uint64_t operand, uint64_t compare, uint64_t *old);
/* What was read and written before it is seen by everybody before what comes after. */
static inline void block_dma_barrier(void)
{
	__sync_synchronize(); /* gcc's ThreadSanitizer does not take C11's fence */
}
/* False: a reset waits for work() to end, or nobody is there. For work that waits without DMA. */
bool block_may_work(const struct block *b);
/* The block's own n-th interrupt; one that it has not is lost. With the lock or without. */
void block_interrupt(struct block *b, uint32_t n);

/* ---- registers; the client may access them at the same moment, so each access is atomic ---- */

static inline uint64_t block_get64(const struct block *b, uint64_t offset)
{
	return __atomic_load_n((const uint64_t *)(const void *)(b->regs + offset),
			       __ATOMIC_ACQUIRE);
}

static inline uint32_t block_get32(const struct block *b, uint64_t offset)
{
	return __atomic_load_n((const uint32_t *)(const void *)(b->regs + offset),
			       __ATOMIC_ACQUIRE);
}

static inline void block_put64(struct block *b, uint64_t offset, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(b->regs + offset), v, __ATOMIC_RELEASE);
}

static inline void block_put32(struct block *b, uint64_t offset, uint32_t v)
{
	__atomic_store_n((uint32_t *)(void *)(b->regs + offset), v, __ATOMIC_RELEASE);
}

/* Stores what a trapped write wrote. */
static inline void block_store(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes)
{
	if (bytes == 8)
		block_put64(b, offset, value);
	else
		block_put32(b, offset, (uint32_t)value);
}

/* The first three registers of an accelerator: device feature header and GUID. */
#define BLOCK_DFH_LAST UINT64_C(0x1000010000000000) /* an AFU, and the end of the list */

static inline void block_put_identity(struct block *b)
{
	block_put64(b, 0x00, BLOCK_DFH_LAST);
	block_put64(b, 0x08, b->ops->guid_low);
	block_put64(b, 0x10, b->ops->guid_high);
}

#endif
