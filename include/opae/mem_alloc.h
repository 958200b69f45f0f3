/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_MEM_ALLOC_H
#define OPAE_MEM_ALLOC_H

/**
 * @file mem_alloc.h
 * @brief Who has which part of an address space: bookkeeping alone, no memory is behind it (libopaemem).
 *
 * The addresses are any 64-bit numbers, and a range may end at the last of them. An allocator has no lock:
 * threads that share one take turns. It must not be copied or moved after mem_alloc_init().
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A range, in a ring that its list's head closes. */
struct mem_link {
	uint64_t address;      /**< where it begins; of a head nothing */
	uint64_t size;         /**< its length, not 0; of a head nothing */
	struct mem_link *prev; /**< the range below */
	struct mem_link *next; /**< the range above */
};

/** The ranges of an address space, sorted by address. To be changed by the functions below alone. */
struct mem_alloc {
	struct mem_link free;      /**< head of those that can be had; no two of them touch */
	struct mem_link allocated; /**< head of those that somebody has */
};

/** Makes an allocator that has no addresses. What was in *m before is forgotten, not freed. */
void mem_alloc_init(struct mem_alloc *m);

/** Frees what the functions below took of malloc(3). The allocator has no addresses then. NULL is fine. */
void mem_alloc_destroy(struct mem_alloc *m);

/**
 * Gives addresses to an allocator.
 * @param size not 0; address + size at most 2^64
 * @return 0; 1: NULL, or no memory; 2: they are no range, or the allocator has some of them already, free or
 *         not. On failure nothing has changed.
 */
int mem_alloc_add_free(struct mem_alloc *m, uint64_t address, uint64_t size);

/**
 * Takes the lowest free range of that size that begins at a multiple of it; if the size is no power of two,
 * at a multiple of the next one above.
 * @param address receives where it begins; untouched on failure
 * @param size    not 0
 * @return 0; 1: NULL, no such range, or no memory
 */
int mem_alloc_get(struct mem_alloc *m, uint64_t *address, uint64_t size);

/**
 * Gives a range back, as a whole. Needs no memory.
 * @param address as mem_alloc_get() returned it
 * @return 0; 1: nobody has a range that begins there (any more)
 */
int mem_alloc_put(struct mem_alloc *m, uint64_t address);

/**
 * Takes those addresses out of an allocator's free ranges that are not free in another one. Ranges that
 * somebody has stay whole, and are free as they were once they are given back.
 * @param m_constr stays as it is
 * @return 0; 1: NULL, or no memory. On failure nothing has changed.
 */
int mem_alloc_apply_constraint(struct mem_alloc *m, struct mem_alloc *m_constr);

#ifdef __cplusplus
}
#endif

#endif
