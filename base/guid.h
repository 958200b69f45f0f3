/* SPDX-License-Identifier: BSD-3-Clause */
/* A GUID from the two registers that hold it: its 16 bytes are the halves as big-endian numbers. */
#ifndef BASE_GUID_H
#define BASE_GUID_H

#include <stdint.h>

static inline void guid_from_halves(uint64_t high, uint64_t low, uint8_t ret[16])
{
	for (int i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(high >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
}

#endif
