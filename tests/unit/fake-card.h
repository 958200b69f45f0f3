/* SPDX-License-Identifier: BSD-3-Clause */
/* One accelerator alone on this thread; what it asks of its card is played here. */
#ifndef TESTS_UNIT_FAKE_CARD_H
#define TESTS_UNIT_FAKE_CARD_H

#include "emu/block.h"

extern struct block afu;
extern uint8_t memory[1 << 20]; /* the client's, at address 0 */
extern int dma_result;		/* of every DMA; 0: what is right */
extern unsigned int dma_count;
extern void (*before_dma)(void); /* with dma_count up to date; so that something happens in mid-run */
extern bool may_work;
extern unsigned int interrupts, last_vector;

void fake_card_up(const struct block_ops *ops, bool mapped);
void fake_card_down(void);

/* A write as the client makes it: told, or just there. */
void put(uint64_t offset, uint64_t v, unsigned int bytes);
uint64_t get(uint64_t offset);
uint64_t peek64(uint64_t address);
void poke64(uint64_t address, uint64_t v);

/* The rigs of a file of tests. */
#define FAKE_CARD_RIGS(ops)                                                                        \
	static int up(void **state)                                                                \
	{                                                                                          \
		(void)state;                                                                       \
		fake_card_up(ops, false);                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static int up_mapped(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		fake_card_up(ops, true);                                                           \
		return 0;                                                                          \
	}                                                                                          \
	static int down(void **state)                                                              \
	{                                                                                          \
		(void)state;                                                                       \
		fake_card_down();                                                                  \
		return 0;                                                                          \
	}

#define MAPPED(t) cmocka_unit_test_setup_teardown(t, up_mapped, down)
#define BOTH(t) RIGGED(t), MAPPED(t)

#endif
