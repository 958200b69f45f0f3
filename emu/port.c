/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port: the header with the accelerator's place and its reset, and private features (errors, user
 * interrupts, signal tap) in one list. The user clock of an old port is in its header and stays as it is.
 * On boards whose lists are named by a capability it is a feature, and the last feature leads on to the
 * next port.
 */
#include "emu/board.h"
#include "emu/card.h"
#include "emu/dfl.h"
#include "emu/inject.h"
#include "emu/user-clock.h"

enum {
	HEAD = 0x0000,
	GUID_LOW = 0x08,
	GUID_HIGH = 0x10,
	NEXT_AFU = 0x18,
	CAP = 0x30,
	CTRL = 0x38,
	STATUS = 0x40,
	USRCLK_CMD0 = 0x50,
	USRCLK_CMD1 = 0x58,
	USRCLK_STS0 = 0x60,
	USRCLK_STS1 = 0x68,

	ERRORS = 0x1000,
	ERROR_MASK = ERRORS + 0x08,
	ERROR = ERRORS + 0x10,
	ERROR_FIRST = ERRORS + 0x18,
	ERROR_REQUEST0 = ERRORS + 0x20,
	ERROR_REQUEST1 = ERRORS + 0x28,
	ERROR_CAP = ERRORS + 0x38,

	USER_IRQ = 0x2000,
	USER_IRQ_CAP = USER_IRQ + 0x08,

	SIGNAL_TAP = 0x3000,
	SIGNAL_TAP_BYTES = 0x1000,

	USER_CLOCK = 0x4000,
	USER_CLOCK_BYTES = 0x28,

	BRIDGE = 0x5000, /* see to_next_port() */
	END = 0x6000,
};

enum { ID_ERROR = 0x10, ID_USER_IRQ = 0x12, ID_SIGNAL_TAP = 0x13, ID_USER_CLOCK = 0x14, ID_BRIDGE = 0xff0 };
#define USER_CLOCK_AGILEX 1 /* the revision of its header tells the kind of PLL */

#define CTRL_RESET UINT64_C(0x1)
#define CTRL_LATENCY UINT64_C(0x4)
#define CTRL_ACK UINT64_C(0x10)

/* Clocks in units of 10 kHz. */
#define CLOCK_HIGH UINT64_C(31250)
#define CLOCK_LOW UINT64_C(15625)
#define CLOCK_REFERENCE UINT64_C(10000)
#define CLOCK_LOCKED (UINT64_C(1) << 60)
#define CLOCK_VERSION (UINT64_C(3) << 60)
#define CLOCK_WHICH (UINT64_C(1) << 32)

struct port {
	struct user_clock clock;
};

/* Of the kind whose user clock is a feature; the kernel's driver tells them by the header's revision. */
static bool is_new(const struct block *b)
{
	return card_board(b->card)->layout == BOARD_VSEC;
}

/*
 * Bytes from the bridge to the next port's header; 0: the list ends before it. For Linux a feature is as
 * long as the way to the next one, and here the accelerator lies on that way: what goes over it must be a
 * feature that no driver claims, or the two could not both be mapped.
 */
static uint64_t to_next_port(const struct block *b)
{
	const struct board *board = card_board(b->card);

	if (!is_new(b) || b->port + 1 >= board->num_ports)
		return 0;
	return board->ports[b->port + 1].offset - board->ports[b->port].offset - BRIDGE;
}

/* What was an error stays one over a reset, until it is cleared. */
static bool was_up(const struct block *b)
{
	return block_get64(b, ERRORS) == dfh(DFH_PRIVATE, ID_ERROR, USER_IRQ - ERRORS);
}

static void show_clock(struct block *b)
{
	const struct port *p = b->state;

	for (uint64_t at = USER_CLOCK_STS0; at <= USER_CLOCK_STS1; at += 8)
		block_put64(b, USER_CLOCK + at, user_clock_status(&p->clock, at));
}

static void reset_clock(struct block *b)
{
	struct port *p = b->state;
	uint64_t onward = to_next_port(b);

	if (!is_new(b)) {
		block_put64(b, USRCLK_STS0, CLOCK_LOCKED);
		block_put64(b, USRCLK_STS1, CLOCK_LOW | CLOCK_REFERENCE << 33 | CLOCK_VERSION);
		return;
	}
	user_clock_reset(&p->clock);
	block_put64(b, USER_CLOCK, dfh(DFH_PRIVATE, ID_USER_CLOCK, onward ? BRIDGE - USER_CLOCK : 0) |
					   DFH_REVISION(USER_CLOCK_AGILEX));
	show_clock(b);
	if (onward)
		block_put64(b, BRIDGE, dfh(DFH_PRIVATE, ID_BRIDGE, onward));
}

static void reset(struct block *b)
{
	const struct board_port *p = &card_board(b->card)->ports[b->port];
	uint64_t users = BOARD_PORT_VECTORS - 1;
	uint64_t error = was_up(b) ? block_get64(b, ERROR) : 0;
	uint64_t first = was_up(b) ? block_get64(b, ERROR_FIRST) : 0;

	for (uint64_t at = 0; at < END; at += 8)
		block_put64(b, at, 0);
	block_put64(b, ERROR, error);
	block_put64(b, ERROR_FIRST, first);
	block_put64(b, HEAD, dfh(DFH_FIU, FIU_PORT, ERRORS - HEAD) | DFH_REVISION(is_new(b)));
	block_put64(b, GUID_LOW, UINT64_C(0x9642b06c6b355b87));
	block_put64(b, GUID_HIGH, UINT64_C(0x3ab49893138d42eb));
	block_put64(b, NEXT_AFU, p->afu_offset);
	block_put64(b, CAP, b->port | (p->afu_size / 1024) << 8 | users << 32);
	block_put64(b, ERRORS, dfh(DFH_PRIVATE, ID_ERROR, USER_IRQ - ERRORS));
	block_put64(b, ERROR_CAP, 1u | (uint64_t)b->first_vector << 1);
	block_put64(b, USER_IRQ, dfh(DFH_PRIVATE, ID_USER_IRQ, SIGNAL_TAP - USER_IRQ));
	block_put64(b, USER_IRQ_CAP, users | (uint64_t)(b->first_vector + 1) << 12);
	block_put64(b, SIGNAL_TAP, dfh(DFH_PRIVATE, ID_SIGNAL_TAP, is_new(b) ? USER_CLOCK - SIGNAL_TAP : 0));
	reset_clock(b);
}

static void control(struct block *b, uint64_t value)
{
	uint64_t old = block_get64(b, CTRL), now = value & (CTRL_RESET | CTRL_LATENCY);

	if ((old ^ now) & CTRL_RESET)
		card_hold_port(b->card, b->port, now & CTRL_RESET);
	if ((now & CTRL_RESET) && !card_inject(b->card)->reset_stuck)
		now |= CTRL_ACK;
	block_put64(b, CTRL, now);
}

static void clear_bits(struct block *b, uint64_t reg, uint64_t bits)
{
	block_put64(b, reg, block_get64(b, reg) & ~bits);
}

static void old_clock(struct block *b, uint64_t offset, uint64_t value)
{
	uint64_t measured = value & CLOCK_WHICH ? CLOCK_WHICH | CLOCK_HIGH : CLOCK_LOW;

	block_put64(b, offset, value);
	if (offset == USRCLK_CMD1)
		block_put64(b, USRCLK_STS1, measured | CLOCK_REFERENCE << 33 | CLOCK_VERSION);
}

static void new_clock(struct block *b, uint64_t offset, uint64_t value)
{
	struct port *p = b->state;

	user_clock_written(&p->clock, offset, value);
	show_clock(b);
}

static void written64(struct block *b, uint64_t offset, uint64_t value)
{
	switch (offset) {
	case CTRL: control(b, value); break;
	case USRCLK_CMD0:
	case USRCLK_CMD1:
		if (!is_new(b))
			old_clock(b, offset, value);
		break;
	case ERROR_MASK: block_put64(b, offset, value); break;
	case ERROR:
	case ERROR_FIRST: clear_bits(b, offset, value); break;
	default:
		if (offset > SIGNAL_TAP && offset < SIGNAL_TAP + SIGNAL_TAP_BYTES)
			block_put64(b, offset, value);
		else if (is_new(b) && offset > USER_CLOCK && offset < USER_CLOCK + USER_CLOCK_BYTES)
			new_clock(b, offset - USER_CLOCK, value);
	}
}

/* These registers are 64 bits wide; a half is written as the kernel would: with the other half as it is. */
static void written(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7), old;

	if (bytes == 4) {
		old = reg == ERROR || reg == ERROR_FIRST ? 0 : block_get64(b, reg);
		value = offset & 4 ? (old & UINT32_MAX) | value << 32 :
				     (old & ~(uint64_t)UINT32_MAX) | value;
	}
	written64(b, reg, value);
}

static void raise_error(struct block *b)
{
	uint64_t bits = card_inject(b->card)->port_error & ~block_get64(b, ERROR_MASK);

	if (!bits)
		return;
	if (!block_get64(b, ERROR))
		block_put64(b, ERROR_FIRST, bits);
	block_put64(b, ERROR, block_get64(b, ERROR) | bits);
	block_interrupt(b, 0);
}

const struct block_ops block_port = {
	.name = "port",
	.help = "a port's header and private features",
	.state_size = sizeof(struct port),
	.reset = reset,
	.written = written,
	.raise = raise_error,
};
