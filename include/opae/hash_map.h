/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_HASH_MAP_H
#define OPAE_HASH_MAP_H

/**
 * @file hash_map.h
 * @brief A hash map of pointers to pointers (libopaemem).
 *
 * Its size is given once and does not grow. It has no lock: threads that share one take turns, also to look
 * something up. The functions that it is made with must not use the map that they are called for.
 */

#include <stdbool.h>
#include <stdint.h>

#include <opae/types_enum.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a map behaves. */
typedef enum _opae_hash_map_flags {
	/** The caller never adds a key twice: adding does not look. */
	OPAE_HASH_MAP_UNIQUE_KEYSPACE = 1,
} opae_hash_map_flags;

/** A key and its value. */
typedef struct _opae_hash_map_item {
	void *key;
	void *value;
	struct _opae_hash_map_item *next; /**< of the same bucket */
} opae_hash_map_item;

/** A map. To be read; the caller may set cleanup_context. */
typedef struct _opae_hash_map {
	uint32_t num_buckets;
	uint32_t hash_seed; /**< goes to key_hash as it is */
	opae_hash_map_item **buckets;
	int flags;             /**< of opae_hash_map_flags */
	void *cleanup_context; /**< goes to both cleanup functions; opae_hash_map_init() sets it to NULL */
	uint32_t (*key_hash)(uint32_t num_buckets, uint32_t hash_seed, void *key);
	int (*key_compare)(void *keya, void *keyb);
	void (*key_cleanup)(void *key, void *context);
	void (*value_cleanup)(void *value, void *context);
} opae_hash_map;

/**
 * Makes an empty map. What was in *hm before is forgotten, not freed; it stays as it is on failure.
 * @param num_buckets   not 0
 * @param hash_seed     for key_hash
 * @param flags         of opae_hash_map_flags
 * @param key_hash      the bucket of a key, less than num_buckets
 * @param key_compare   0 if the keys are equal
 * @param key_cleanup   called with each key that leaves the map; NULL: none
 * @param value_cleanup called with each value that leaves the map; NULL: none
 * @return FPGA_OK; FPGA_INVALID_PARAM: NULL, or no buckets; FPGA_NO_MEMORY
 */
fpga_result opae_hash_map_init(opae_hash_map *hm, uint32_t num_buckets, uint32_t hash_seed, int flags,
			       uint32_t (*key_hash)(uint32_t num_buckets, uint32_t hash_seed, void *key),
			       int (*key_compare)(void *keya, void *keyb),
			       void (*key_cleanup)(void *key, void *context),
			       void (*value_cleanup)(void *value, void *context));

/**
 * Gives a key a value. If it has one, that is cleaned up and replaced; the map keeps the key that it has,
 * and the one given stays the caller's. With OPAE_HASH_MAP_UNIQUE_KEYSPACE the key is added in any case, and
 * hides an equal one.
 * @param key,value the map's until they leave it; NULL is a key and a value as any other
 * @return FPGA_OK; FPGA_INVALID_PARAM: NULL, or key_hash named no bucket; FPGA_NO_MEMORY. On failure both
 *         stay the caller's.
 */
fpga_result opae_hash_map_add(opae_hash_map *hm, void *key, void *value);

/**
 * Looks a key up.
 * @param value receives its value, which stays the map's; untouched on failure. NULL: not wanted
 * @return FPGA_OK; FPGA_NOT_FOUND; FPGA_INVALID_PARAM: NULL, or key_hash named no bucket
 */
fpga_result opae_hash_map_find(opae_hash_map *hm, void *key, void **value);

/**
 * Removes a key, and cleans it and its value up.
 * @return as opae_hash_map_find()
 */
fpga_result opae_hash_map_remove(opae_hash_map *hm, void *key);

/**
 * Cleans all keys and values up, and frees the map's memory. It has no buckets then, and every use of it but
 * opae_hash_map_init() is FPGA_INVALID_PARAM.
 * @return FPGA_OK; FPGA_INVALID_PARAM: NULL, or a map without buckets
 */
fpga_result opae_hash_map_destroy(opae_hash_map *hm);

/** Has it no keys? Also true of NULL and of a map without buckets. */
bool opae_hash_map_is_empty(opae_hash_map *hm);

/** A key_hash for pointers and numbers: the key modulo num_buckets. */
uint32_t opae_u64_key_hash(uint32_t num_buckets, uint32_t hash_seed, void *key);

/** A key_compare for pointers and numbers. */
int opae_u64_key_compare(void *keya, void *keyb);

#ifdef __cplusplus
}
#endif

#endif
