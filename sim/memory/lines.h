/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in a bank of local memory: lines of 64 bytes. A page of the host's memory is taken for it when one
 * of its lines is written first. What was never written reads as random bytes that the seed gives, as that of
 * a DDR does.
 */
#ifndef SIM_MEMORY_LINES_H
#define SIM_MEMORY_LINES_H

#include <stdint.h>

#define LINE_BYTES 64u

struct lines {
	unsigned char *at;
	uint64_t num;
	uint64_t seed;
};

int lines_init(struct lines *l, uint64_t num, uint64_t seed); /* 0 or a negative errno */
void lines_done(struct lines *l);
/* Lines behind the last one read as ones, and are not written. Bit n of `enables`: byte n is written. */
void lines_read(const struct lines *l, uint64_t number, void *ret);
void lines_write(struct lines *l, uint64_t number, const void *data, uint64_t enables);

#endif
