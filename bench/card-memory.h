/* SPDX-License-Identifier: BSD-3-Clause */
/* The register memory of an emulated card, seen from beside: what is there has come to the device. */
#ifndef BENCH_CARD_MEMORY_H
#define BENCH_CARD_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct card_memory {
	void *at;
	size_t len;
};

/*
 * Maps the memory of the card, which is that process, in which a register has the value `mark`. The
 * register, good until card_memory_free(); NULL: said on standard error.
 */
const volatile uint64_t *card_memory_find(struct card_memory *m, pid_t card, uint64_t mark);
void card_memory_free(struct card_memory *m);

#endif
