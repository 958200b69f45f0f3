/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user clock of newer ports, feature 0x14: a machine that takes commands for the registers of a PLL,
 * and a counter that measures what comes out of it. Nothing runs by these clocks here; but what is set is
 * what is measured.
 */
#ifndef EMU_USER_CLOCK_H
#define EMU_USER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The registers, from the feature's header. */
enum {
	USER_CLOCK_CMD0 = 0x08,
	USER_CLOCK_CMD1 = 0x10,
	USER_CLOCK_STS0 = 0x18,
	USER_CLOCK_STS1 = 0x20,
};

struct user_clock {
	uint8_t pll[0x400];		/* the PLL's own registers */
	uint32_t high_10khz, low_10khz; /* what comes out; 0: it is not locked */
	uint64_t command;		/* CMD0 */
	uint64_t answer;		/* of the last command, as STS0 shows it */
	unsigned int last;		/* number of the last command */
	bool measures_high;
};

/* As after power-on: 312.5 and 156.25 MHz. */
void user_clock_reset(struct user_clock *c);
/* A write to CMD0 or CMD1; others are ignored. */
void user_clock_written(struct user_clock *c, uint64_t offset, uint64_t value);
/* What STS0 or STS1 reads. */
uint64_t user_clock_status(const struct user_clock *c, uint64_t offset);

#endif
