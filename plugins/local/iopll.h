/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user clock's registers and the PLL behind them: Intel's I/O PLL of Stratix 10 and Agilex 7 (Stratix
 * 10 Clocking and PLL User Guide, "IOPLL Reconfiguration"). The high clock is its output C0, the low one
 * C1. Functions return 0 or a negative errno.
 */
#ifndef PLUGINS_LOCAL_IOPLL_H
#define PLUGINS_LOCAL_IOPLL_H

#include <stdbool.h>
#include <stdint.h>

#define IOPLL_LOW_MIN_KHZ 10000u
#define IOPLL_HIGH_MIN_KHZ 25000u

/* The registers, as offsets in feature 0x14. The header of an old port has the same ones elsewhere. */
enum iopll_reg {
	IOPLL_CMD0 = 0x08, /* a command for the PLL's own registers; resets */
	IOPLL_CMD1 = 0x10, /* which clock is measured */
	IOPLL_STS0 = 0x18, /* the command's answer; is the PLL locked */
	IOPLL_STS1 = 0x20, /* the measured frequency, and the reference */
};

/* How they are reached. */
struct iopll_io {
	int (*read)(void *at, enum iopll_reg reg, uint64_t *ret);
	int (*write)(void *at, enum iopll_reg reg, uint64_t value);
	void *at;
};

struct iopll_family {
	const char *name;
	uint32_t max_khz;		   /* of either clock */
	uint32_t vco_min_khz, vco_max_khz; /* the oscillator that both are divided from */
};

/* By the revision of feature 0x14; NULL: another kind of PLL. */
const struct iopll_family *iopll_family(unsigned int revision);

struct iopll_settings {
	uint32_t m, n, c0, c1; /* high = reference * m / n / c0, low = reference * m / n / c1 */
	uint32_t filter, pump, capacitance; /* of the loop; they follow from m */
};

/*
 * What comes nearest to the wanted clocks without being faster, for a design was timed for what its maker
 * asked; clocks at 2:1 or 1:1 stay so. False: nothing does.
 */
bool iopll_solve(const struct iopll_family *f, uint32_t reference_khz, uint32_t high_khz, uint32_t low_khz,
		 struct iopll_settings *ret);
/* The value of a counter that divides by n, as the PLL and the kernel's drivers take it. */
uint32_t iopll_counter(uint32_t n);

/*
 * Measures one of the clocks; takes some 10 ms. -EAGAIN: the PLL is not locked; -ENODEV: the card has gone;
 * -ETIMEDOUT: the counter did not finish; else what io said.
 */
int iopll_measure(const struct iopll_io *io, bool high, uint64_t *hz);
int iopll_reference(const struct iopll_io *io, uint32_t *khz);
/* As iopll_measure(); -EIO: the PLL's interface is in its error state. */
int iopll_apply(const struct iopll_io *io, const struct iopll_settings *s);

#endif
