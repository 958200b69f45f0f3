/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults that a card is told to have. Those marked (s) begin when the card gets SIGUSR1. */
#ifndef EMU_INJECT_H
#define EMU_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inject {
	unsigned int delay_ms; /* before each answer */
	unsigned int dma_fail; /* every n-th DMA of an accelerator fails; 0: none */
	uint32_t pr_error;     /* what a partial reconfiguration ends with */
	bool reset_stuck;      /* ports never acknowledge a reset */
	bool no_interrupts;
	uint64_t temperature, power; /* degrees Celsius, watts; 0: the board's own */
	uint64_t fme_error, port_error; /* (s) bits of the error registers */
	uint64_t heat, surge; /* (s) degrees Celsius, watts, until the next signal; 0: none */
	bool gone;			/* (s) the card falls off the bus */
};

/* "delay=2,reset-stuck". False: why says what is wrong, and what there is. */
bool inject_parse(const char *spec, struct inject *ret, char *why, size_t why_len);
extern const char inject_help[];

#endif
