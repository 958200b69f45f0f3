/* SPDX-License-Identifier: BSD-3-Clause */
/* FNV-1a of 64 bits: for what must be the same in every process, and need not withstand an enemy. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Of h's text with this one behind it. */
static inline uint64_t hash_text(uint64_t h, const char *text)
{
	for (const char *c = text; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return h;
}

#endif
