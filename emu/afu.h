/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An accelerator of the emulated card. Its registers are memory that the client may have mapped:
 * then it writes them without a word, and the card's engine thread looks for what changed.
 * Otherwise each access is a message, and `written` is told.
 *
 * Locks: all functions but work() are called with the card's lock held, so they need none of
 * their own. work() runs on the engine thread without it, so that registers answer meanwhile.
 */
#ifndef EMU_AFU_H
#define EMU_AFU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct card;
struct afu;

struct afu_ops {
	const char *name;
	const char *help; /* one line, for --list-boards */
	size_t state_size;
	/* The mappable part of the region in "map" mode, bytes; whole pages. UINT64_MAX: to the end. */
	uint64_t map_offset, map_size;
	void (*reset)(struct afu *a); /* registers and state as after power-on; nothing is at work */
	/* A trapped write of 4 or 8 bytes, aligned. */
	void (*written)(struct afu *a, uint64_t offset, uint64_t value, unsigned int bytes);
	/* Looks at mapped registers. True: something changed since the last look. */
	bool (*look)(struct afu *a);
	bool (*has_work)(struct afu *a);
	void (*work)(struct afu *a);
};

struct afu {
	const struct afu_ops *ops;
	struct card *card;
	uint8_t *regs; /* the region's memory */
	uint64_t size;
	bool mapped; /* the client may have the mappable part mapped */
	void *state;
};

extern const struct afu_ops afu_nlb0, afu_hello, afu_bench;

/* Registers. The client may access them at the same moment, so every access is one atomic one. */
static inline uint64_t afu_get64(const struct afu *a, uint64_t offset)
{
	return __atomic_load_n((const uint64_t *)(const void *)(a->regs + offset),
			       __ATOMIC_ACQUIRE);
}

static inline uint32_t afu_get32(const struct afu *a, uint64_t offset)
{
	return __atomic_load_n((const uint32_t *)(const void *)(a->regs + offset),
			       __ATOMIC_ACQUIRE);
}

static inline void afu_put64(struct afu *a, uint64_t offset, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(a->regs + offset), v, __ATOMIC_RELEASE);
}

static inline void afu_put32(struct afu *a, uint64_t offset, uint32_t v)
{
	__atomic_store_n((uint32_t *)(void *)(a->regs + offset), v, __ATOMIC_RELEASE);
}

/* Stores what a trapped write wrote. */
static inline void afu_store(struct afu *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	if (bytes == 8)
		afu_put64(a, offset, value);
	else
		afu_put32(a, offset, (uint32_t)value);
}

/* The first three registers of every AFU: device feature header and GUID (halves as numbers). */
#define AFU_DFH_LAST UINT64_C(0x1000010000000000) /* an AFU, and the end of the list */
void afu_put_identity(struct afu *a, uint64_t guid_high, uint64_t guid_low);

#endif
