/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of opaque ids. What the API hands out as fpga_token, fpga_handle and so on is never a
 * pointer but a number that names a slot and its generation:
 *
 *     63      56 55           24 23        0
 *     | 0xA0+kind | generation   |   index  |
 *
 * The top byte makes it a non-canonical address on x86-64 and outside the user half on arm64, so
 * no pointer of a program is ever mistaken for an id, and one that is dereferenced faults at once.
 * A slot's memory is never given back, so looking up a stale or foreign id reads no freed memory.
 * Lookups take no lock; add and remove do.
 */
#ifndef LIB_IDS_H
#define LIB_IDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum id_kind { ID_TOKEN = 1, ID_HANDLE, ID_EVENT, ID_OBJECT, ID_PROPS };

#define ID_CHUNK_BITS 10
#define ID_CHUNK_SLOTS (1u << ID_CHUNK_BITS)
#define ID_CHUNKS 1024u /* about a million live objects of a kind */

struct id_slot {
	_Atomic uint64_t id;  /* the id in force; while the slot is free one whose top byte is 0 */
	void *_Atomic object; /* NULL then */
	uint32_t generation;
	uint32_t next_free; /* index + 1 of the next free slot */
};

struct id_table {
	struct id_slot *_Atomic chunks[ID_CHUNKS]; /* first: each lookup begins here */
	enum id_kind kind;
	pthread_mutex_t lock; /* guards adding and removing, and what users say it guards */
	uint32_t used;      /* slots ever handed out */
	uint32_t free_head; /* index + 1; 0: none */
};

#define ID_TABLE_INIT(k) { .kind = (k), .lock = PTHREAD_MUTEX_INITIALIZER }

/* An id for the object, or NULL when memory or ids have run out. The lock must be held. */
void *id_add_locked(struct id_table *t, void *object);
void *id_add(struct id_table *t, void *object);
/* Takes the id out of force and returns its object; NULL when it is not in force. Lock held. */
void *id_remove_locked(struct id_table *t, const void *id);
/* The first live id at or after *index, and its object; moves *index behind it. NULL: no more. */
void *id_next_locked(struct id_table *t, uint32_t *index, void **object);

/* Where the id is if it is in force; NULL: it cannot be. The slot stays for ever. */
static inline struct id_slot *id_slot(struct id_table *t, const void *id)
{
	uint32_t index = (uint32_t)((uintptr_t)id & 0xffffffu);
	struct id_slot *chunk;

	/* An index past the last chunk meets a slot whose id is another. */
	chunk = atomic_load_explicit(&t->chunks[(index >> ID_CHUNK_BITS) % ID_CHUNKS],
				     memory_order_acquire);
	return chunk ? &chunk[index & (ID_CHUNK_SLOTS - 1)] : NULL;
}

/*
 * The object, if the slot is this id's. It is read first: who sees a later one's object sees also that
 * the id went before.
 */
static inline void *id_slot_object(struct id_slot *slot, const void *id)
{
	void *object = atomic_load_explicit(&slot->object, memory_order_acquire);

	if (atomic_load_explicit(&slot->id, memory_order_acquire) != (uintptr_t)id)
		return NULL;
	return object;
}

static inline void *id_get(struct id_table *t, const void *id)
{
	struct id_slot *slot = id_slot(t, id);

	return slot ? id_slot_object(slot, id) : NULL;
}

#endif
