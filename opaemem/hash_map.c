/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/hash_map.h>
#include <stdlib.h>

/* Also of a map that was destroyed: it has no buckets, so no number names one. */
static bool bucket_of(opae_hash_map *hm, void *key, opae_hash_map_item ***ret)
{
	uint32_t i;

	if (!hm || !hm->buckets)
		return false;
	i = hm->key_hash(hm->num_buckets, hm->hash_seed, key);
	if (i >= hm->num_buckets)
		return false;
	*ret = &hm->buckets[i];
	return true;
}

/* Where the item hangs; NULL: there is none of that key. */
static opae_hash_map_item **place_of(opae_hash_map *hm, opae_hash_map_item **at, void *key)
{
	for (; *at; at = &(*at)->next)
		if (!hm->key_compare(key, (*at)->key))
			return at;
	return NULL;
}

static void clean_value(opae_hash_map *hm, void *value)
{
	if (hm->value_cleanup)
		hm->value_cleanup(value, hm->cleanup_context);
}

/* It is out of the map before anything is cleaned up. */
static void drop(opae_hash_map *hm, opae_hash_map_item **at)
{
	opae_hash_map_item *item = *at;

	*at = item->next;
	if (hm->key_cleanup)
		hm->key_cleanup(item->key, hm->cleanup_context);
	clean_value(hm, item->value);
	free(item);
}

fpga_result opae_hash_map_init(opae_hash_map *hm, uint32_t num_buckets, uint32_t hash_seed, int flags,
			       uint32_t (*key_hash)(uint32_t num_buckets, uint32_t hash_seed, void *key),
			       int (*key_compare)(void *keya, void *keyb),
			       void (*key_cleanup)(void *key, void *context),
			       void (*value_cleanup)(void *value, void *context))
{
	opae_hash_map_item **buckets;

	if (!hm || !num_buckets || !key_hash || !key_compare)
		return FPGA_INVALID_PARAM;
	buckets = calloc(num_buckets, sizeof(*buckets));
	if (!buckets)
		return FPGA_NO_MEMORY;
	*hm = (opae_hash_map){
		.num_buckets = num_buckets,
		.hash_seed = hash_seed,
		.buckets = buckets,
		.flags = flags,
		.key_hash = key_hash,
		.key_compare = key_compare,
		.key_cleanup = key_cleanup,
		.value_cleanup = value_cleanup,
	};
	return FPGA_OK;
}

fpga_result opae_hash_map_add(opae_hash_map *hm, void *key, void *value)
{
	opae_hash_map_item **bucket, **at = NULL, *item;

	if (!bucket_of(hm, key, &bucket))
		return FPGA_INVALID_PARAM;
	if (!(hm->flags & OPAE_HASH_MAP_UNIQUE_KEYSPACE))
		at = place_of(hm, bucket, key);
	if (at) {
		void *old = (*at)->value;

		(*at)->value = value;
		if (old != value) /* the same again would be freed under the map */
			clean_value(hm, old);
		return FPGA_OK;
	}
	item = malloc(sizeof(*item));
	if (!item)
		return FPGA_NO_MEMORY;
	*item = (opae_hash_map_item){ .key = key, .value = value, .next = *bucket };
	*bucket = item;
	return FPGA_OK;
}

fpga_result opae_hash_map_find(opae_hash_map *hm, void *key, void **value)
{
	opae_hash_map_item **at;

	if (!bucket_of(hm, key, &at))
		return FPGA_INVALID_PARAM;
	at = place_of(hm, at, key);
	if (!at)
		return FPGA_NOT_FOUND;
	if (value)
		*value = (*at)->value;
	return FPGA_OK;
}

fpga_result opae_hash_map_remove(opae_hash_map *hm, void *key)
{
	opae_hash_map_item **at;

	if (!bucket_of(hm, key, &at))
		return FPGA_INVALID_PARAM;
	at = place_of(hm, at, key);
	if (!at)
		return FPGA_NOT_FOUND;
	drop(hm, at);
	return FPGA_OK;
}

fpga_result opae_hash_map_destroy(opae_hash_map *hm)
{
	if (!hm || !hm->buckets)
		return FPGA_INVALID_PARAM;
	for (uint32_t i = 0; i < hm->num_buckets; i++)
		while (hm->buckets[i])
			drop(hm, &hm->buckets[i]);
	free(hm->buckets);
	*hm = (opae_hash_map){ .num_buckets = 0 };
	return FPGA_OK;
}

bool opae_hash_map_is_empty(opae_hash_map *hm)
{
	if (!hm || !hm->buckets)
		return true;
	for (uint32_t i = 0; i < hm->num_buckets; i++)
		if (hm->buckets[i])
			return false;
	return true;
}

uint32_t opae_u64_key_hash(uint32_t num_buckets, uint32_t hash_seed, void *key)
{
	(void)hash_seed;
	return num_buckets ? (uint32_t)((uint64_t)(uintptr_t)key % num_buckets) : 0;
}

int opae_u64_key_compare(void *keya, void *keyb)
{
	return keya != keyb;
}
