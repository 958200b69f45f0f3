/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that look random and are the same for the same seed: for order and tests, never for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/* The output of splitmix64 (Sebastiano Vigna) for a state: any will do, and neighbours differ in all bits. */
static inline uint64_t splitmix64_of(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t splitmix64(uint64_t *state)
{
	return splitmix64_of(*state += SPLITMIX_STEP);
}

/* The upper 31 bits of xorshift64* (the same author). A state must not be 0. */
static inline uint64_t xorshift64(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717) >> 33;
}

#endif
