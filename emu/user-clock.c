/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/user-clock.h"

#include <string.h>

#define REFERENCE_10KHZ 10000u
#define VCO_MIN_10KHZ 60000u
#define VCO_MAX_10KHZ 160000u
#define PHASE_MIN_10KHZ 1000u
#define VERSION UINT64_C(4)

/* CMD0 and STS0 */
#define COMMAND_ADDRESS(v) ((v) >> 32 & 0x3ff)
#define COMMAND_WRITE (UINT64_C(1) << 44)
#define COMMAND_NUMBER(v) ((unsigned int)((v) >> 48) & 3)
#define COMMAND_ECHO UINT64_C(0x000313ff00000000) /* number, write, address */
#define MACHINE_RUN (UINT64_C(1) << 52)
#define RESET_INTERFACE (UINT64_C(1) << 56)
#define RESET_PLL (UINT64_C(1) << 57)
#define LOCKED (UINT64_C(1) << 60)
/* CMD1 and STS1 */
#define MEASURE_HIGH (UINT64_C(1) << 32)

/* Registers of the PLL. */
enum {
	N_HIGH = 0x100,
	N_FLAGS = 0x101, /* bypass at bit 0 */
	N_LOW = 0x102,
	M = 0x104, /* high, bypass, odd, low */
	FILTER = 0x10a,
	C0 = 0x11b,
	C1 = 0x11f,
	CALIBRATION = 0x149,
	CALIBRATION_ENABLE = 0x14a,
};
#define CALIBRATE 0x40u

static uint32_t ratio(unsigned int bypass, unsigned int high, unsigned int low)
{
	return bypass & 1 ? 1 : high + low;
}

/* Counters of which the four registers follow each other: m has them in the order of c0 and c1. */
static uint32_t counter(const struct user_clock *c, unsigned int at)
{
	return ratio(c->pll[at + 1], c->pll[at], c->pll[at + 3]);
}

static void set_counter(struct user_clock *c, unsigned int at, unsigned int half)
{
	c->pll[at] = c->pll[at + 3] = (uint8_t)half;
}

/* The PLL tries to lock with what its registers hold. */
static void start_pll(struct user_clock *c)
{
	uint32_t n = ratio(c->pll[N_FLAGS], c->pll[N_HIGH], c->pll[N_LOW]), m = counter(c, M);
	uint32_t high = counter(c, C0), low = counter(c, C1);
	uint32_t vco = n ? REFERENCE_10KHZ * m / n : 0;
	bool locks = n && REFERENCE_10KHZ / n >= PHASE_MIN_10KHZ && vco >= VCO_MIN_10KHZ &&
		     vco <= VCO_MAX_10KHZ && c->pll[FILTER] && high && low;

	c->high_10khz = locks ? vco / high : 0;
	c->low_10khz = locks ? vco / low : 0;
}

void user_clock_reset(struct user_clock *c)
{
	memset(c, 0, sizeof(*c));
	c->pll[N_HIGH] = c->pll[N_LOW] = 1;
	c->pll[M] = 13;
	c->pll[M + 2] = 0x80; /* it is odd */
	c->pll[M + 3] = 12;
	c->pll[FILTER] = 4 << 3;
	set_counter(c, C0, 2);
	set_counter(c, C1, 4);
	start_pll(c);
}

static void carry_out(struct user_clock *c, uint64_t command)
{
	uint8_t *reg = &c->pll[COMMAND_ADDRESS(command)];

	if (command & COMMAND_WRITE)
		*reg = (uint8_t)command;
	if ((c->pll[CALIBRATION_ENABLE] & 3) == 3)
		c->pll[CALIBRATION] &= (uint8_t)~CALIBRATE; /* done at once */
	c->answer = (command & COMMAND_ECHO) | *reg;
}

static void command(struct user_clock *c, uint64_t value)
{
	uint64_t before = c->command;

	c->command = value;
	if (value & RESET_PLL)
		c->high_10khz = c->low_10khz = 0;
	else if (before & RESET_PLL)
		start_pll(c);
	if (!(value & MACHINE_RUN)) {
		c->last = 0;
	} else if (COMMAND_NUMBER(value) != c->last) {
		c->last = COMMAND_NUMBER(value);
		if (!(value & RESET_INTERFACE))
			carry_out(c, value);
	}
}

void user_clock_written(struct user_clock *c, uint64_t offset, uint64_t value)
{
	if (offset == USER_CLOCK_CMD0)
		command(c, value);
	else if (offset == USER_CLOCK_CMD1)
		c->measures_high = value & MEASURE_HIGH;
}

uint64_t user_clock_status(const struct user_clock *c, uint64_t offset)
{
	uint32_t f = c->measures_high ? c->high_10khz : c->low_10khz;

	if (offset == USER_CLOCK_STS0)
		return c->answer | (c->command & (MACHINE_RUN | RESET_INTERFACE | RESET_PLL)) |
		       (c->high_10khz ? LOCKED : 0);
	return (c->command & RESET_INTERFACE ? 0 : f) | (c->measures_high ? MEASURE_HIGH : 0) |
	       (uint64_t)REFERENCE_10KHZ << 33 | VERSION << 60;
}
