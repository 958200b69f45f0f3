/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/ids.h"

#include <stdlib.h>

_Static_assert(sizeof(void *) == 8, "ids need 64-bit pointers");

static struct id_slot *slot_at(struct id_table *t, uint32_t index)
{
	struct id_slot *chunk = atomic_load_explicit(&t->chunks[index >> ID_CHUNK_BITS],
						     memory_order_acquire);

	return chunk ? &chunk[index & (ID_CHUNK_SLOTS - 1)] : NULL;
}

/* The next slot never used so far, with its chunk made when needed. */
static struct id_slot *slot_fresh(struct id_table *t, uint32_t *index)
{
	uint32_t chunk = t->used >> ID_CHUNK_BITS;

	if (chunk >= ID_CHUNKS)
		return NULL;
	if (!atomic_load_explicit(&t->chunks[chunk], memory_order_relaxed)) {
		struct id_slot *slots = calloc(ID_CHUNK_SLOTS, sizeof(*slots));

		if (!slots)
			return NULL;
		atomic_store_explicit(&t->chunks[chunk], slots, memory_order_release);
	}
	*index = t->used++;
	return slot_at(t, *index);
}

void *id_add_locked(struct id_table *t, void *object)
{
	struct id_slot *slot;
	uint32_t index;
	uint64_t id;

	if (t->free_head) {
		index = t->free_head - 1;
		slot = slot_at(t, index);
		t->free_head = slot->next_free;
	} else {
		slot = slot_fresh(t, &index);
		if (!slot)
			return NULL;
	}
	slot->generation++;
	id = (uint64_t)(0xA0u + t->kind) << 56 | (uint64_t)slot->generation << 24 | index;
	atomic_store_explicit(&slot->object, object, memory_order_release);
	atomic_store_explicit(&slot->id, id, memory_order_release);
	return (void *)(uintptr_t)id;
}

void *id_add(struct id_table *t, void *object)
{
	void *id;

	pthread_mutex_lock(&t->lock);
	id = id_add_locked(t, object);
	pthread_mutex_unlock(&t->lock);
	return id;
}

void *id_remove_locked(struct id_table *t, const void *id)
{
	void *object = id_get(t, id);
	uint32_t index = (uint32_t)((uintptr_t)id & 0xffffffu);
	struct id_slot *slot;

	if (!object)
		return NULL;
	slot = slot_at(t, index);
	/* An id of another slot: whoever looks one up never finds it here, an id of 0 neither. */
	atomic_store_explicit(&slot->id, index ^ 1u, memory_order_release);
	atomic_store_explicit(&slot->object, NULL, memory_order_release);
	slot->next_free = t->free_head;
	t->free_head = index + 1;
	return object;
}

void *id_next_locked(struct id_table *t, uint32_t *index, void **object)
{
	while (*index < t->used) {
		struct id_slot *slot = slot_at(t, (*index)++);
		uint64_t id = atomic_load_explicit(&slot->id, memory_order_relaxed);

		if (id >> 56) {
			*object = slot->object;
			return (void *)(uintptr_t)id;
		}
	}
	return NULL;
}
