/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The FPGA management engine: header, thermal, power, performance counters, global errors, partial
 * reconfiguration, and an Ethernet feature with a version 1 header, in one list. Layouts: the kernel's
 * drivers/fpga/dfl*.
 *
 * Reconfiguration. A bitstream for this card is any data that begins with the 16 bytes of a GUID: the
 * accelerator of that GUID is put into the region. One that the card doesn't know is incompatible.
 */
#include "emu/board.h"
#include "emu/card.h"
#include "emu/dfl.h"
#include "emu/fme-perf.h"
#include "emu/inject.h"

enum {
	HEAD = 0x0000,
	GUID_LOW = 0x08,
	GUID_HIGH = 0x10,
	CAP = 0x30,
	PORT_OFST = 0x38, /* four registers */
	BITSTREAM_ID = 0x60,
	BITSTREAM_MD = 0x68,

	THERMAL = 0x1000,
	THERMAL_THRESHOLDS = THERMAL + 0x08,
	THERMAL_NOW = THERMAL + 0x10,
	THERMAL_CAP = THERMAL + 0x20,

	POWER = 0x2000,
	POWER_NOW = POWER + 0x08,
	POWER_THRESHOLDS = POWER + 0x10,

	COUNTERS = 0x2800,

	ERRORS = 0x3000,
	ERROR_MASK = ERRORS + 0x08,
	ERROR = ERRORS + 0x10,
	PCIE0_MASK = ERRORS + 0x18,
	PCIE0_ERROR = ERRORS + 0x20,
	PCIE1_MASK = ERRORS + 0x28,
	PCIE1_ERROR = ERRORS + 0x30,
	ERROR_FIRST = ERRORS + 0x38,
	ERROR_NEXT = ERRORS + 0x40,
	ERROR_NONFATAL = ERRORS + 0x50,
	ERROR_CATFATAL = ERRORS + 0x60,
	ERROR_INJECT = ERRORS + 0x68,
	ERROR_CAP = ERRORS + 0x70,

	PR = 0x4000,
	PR_CTRL = PR + 0x08,
	PR_STATUS = PR + 0x10,
	PR_DATA = PR + 0x18,
	PR_ERROR = PR + 0x20,
	PR_INTERFACE_LOW = PR + 0xa8,
	PR_INTERFACE_HIGH = PR + 0xb0,

	ETHERNET = 0x5000,
	ETHERNET_CSRS = 0x100,
	ETHERNET_BYTES = 0x1000,
};

enum { ID_THERMAL = 1, ID_POWER = 2, ID_ERRORS = 4, ID_PR = 5, ID_ETHERNET = 0x15 };

#define FME_GUID_HIGH UINT64_C(0xbfaf2ae94a5246e3)
#define FME_GUID_LOW UINT64_C(0x82fe38f0f9e17764)

#define PORT_FOR_VF (UINT64_C(1) << 55)
#define PORT_IMPLEMENTED (UINT64_C(1) << 60)
#define PORT_NO_BAR UINT64_C(7)

#define INJECT_CATASTROPHIC UINT64_C(1)
#define INJECT_FATAL UINT64_C(2)
#define INJECT_NONFATAL UINT64_C(4)
/* Where an injected error shows. */
#define CATFATAL_INJECTED (UINT64_C(1) << 11)
#define CATFATAL_INJECTED_FATAL (UINT64_C(1) << 8)
#define NONFATAL_INJECTED (UINT64_C(1) << 6)

#define PR_RESET UINT64_C(0x1)
#define PR_ACK UINT64_C(0x10)
#define PR_REGION(ctrl) ((ctrl) >> 7 & 7)
#define PR_START (UINT64_C(1) << 12)
#define PR_COMPLETE (UINT64_C(1) << 13)
#define PR_CREDITS UINT64_C(128)
#define PR_FAILED (UINT64_C(1) << 16)
#define PR_ERROR_OPERATION UINT64_C(1)
#define PR_ERROR_INCOMPATIBLE UINT64_C(4)

#define TEMPERATURE UINT64_C(45)
#define WATTS UINT64_C(23)

/* Two thresholds in one register: of degrees with bits that put them in force, of watts without. */
#define FIRST(v) ((v) & 0x7f)
#define SECOND(v) ((v) >> 8 & 0x7f)
#define HEAT_FIRST_IN_FORCE (UINT64_C(1) << 7)
#define HEAT_SECOND_IN_FORCE (UINT64_C(1) << 15)
#define HEAT_FIRST_REACHED (UINT64_C(1) << 32)
#define HEAT_SECOND_REACHED (UINT64_C(1) << 33)
#define POWER_FIRST_REACHED (UINT64_C(1) << 16)
#define POWER_SECOND_REACHED (UINT64_C(1) << 17)
#define HEAT_THRESHOLDS (90u | HEAT_FIRST_IN_FORCE | 93u << 8 | HEAT_SECOND_IN_FORCE | 100u << 24)
#define POWER_LIMITS (75u | 100u << 8)

struct fme {
	bool hot, drawing; /* heat and surge, which each signal begins or ends */
	uint8_t bitstream[16]; /* its beginning */
	uint64_t bytes;
};

/* ---- heat and power ---- */

static void put_heat(struct block *b)
{
	const struct inject *i = card_inject(b->card);
	const struct fme *f = b->state;
	uint64_t t = i->temperature ? i->temperature : TEMPERATURE;
	uint64_t v = block_get64(b, THERMAL_THRESHOLDS) & ~(HEAT_FIRST_REACHED | HEAT_SECOND_REACHED);

	if (f->hot)
		t = i->heat;
	if (v & HEAT_FIRST_IN_FORCE && t >= FIRST(v))
		v |= HEAT_FIRST_REACHED;
	if (v & HEAT_SECOND_IN_FORCE && t >= SECOND(v))
		v |= HEAT_SECOND_REACHED;
	block_put64(b, THERMAL_NOW, t);
	block_put64(b, THERMAL_THRESHOLDS, v);
}

/* A threshold of 0 is none. */
static void put_power(struct block *b)
{
	const struct inject *i = card_inject(b->card);
	const struct fme *f = b->state;
	uint64_t w = i->power ? i->power : WATTS;
	uint64_t v = block_get64(b, POWER_THRESHOLDS) & ~(POWER_FIRST_REACHED | POWER_SECOND_REACHED);

	if (f->drawing)
		w = i->surge;
	if (FIRST(v) && w >= FIRST(v))
		v |= POWER_FIRST_REACHED;
	if (SECOND(v) && w >= SECOND(v))
		v |= POWER_SECOND_REACHED;
	block_put64(b, POWER_NOW, w);
	block_put64(b, POWER_THRESHOLDS, v);
}

static void reset_sensors(struct block *b)
{
	block_put64(b, THERMAL, dfh(DFH_PRIVATE, ID_THERMAL, POWER - THERMAL));
	block_put64(b, THERMAL_THRESHOLDS, HEAT_THRESHOLDS);
	block_put64(b, THERMAL_CAP, 0); /* it throttles, so thresholds are shown */
	block_put64(b, POWER, dfh(DFH_PRIVATE, ID_POWER, COUNTERS - POWER));
	block_put64(b, POWER_THRESHOLDS, POWER_LIMITS);
	put_heat(b);
	put_power(b);
	fme_perf_reset(b, COUNTERS, ERRORS - COUNTERS);
}

/* Each signal begins them, or ends them. */
static void raise_sensors(struct block *b)
{
	const struct inject *i = card_inject(b->card);
	struct fme *f = b->state;

	f->hot = i->heat && !f->hot;
	f->drawing = i->surge && !f->drawing;
	put_heat(b);
	put_power(b);
}

static void reset_errors(struct block *b)
{
	block_put64(b, ERRORS, dfh(DFH_PRIVATE, ID_ERRORS, PR - ERRORS) | DFH_REVISION(1));
	block_put64(b, ERROR_CAP, 1u | (uint64_t)b->first_vector << 1);
}

static void reset_pr(struct block *b)
{
	const struct board *board = card_board(b->card);
	struct fme *f = b->state;

	f->bytes = 0;
	block_put64(b, PR, dfh(DFH_PRIVATE, ID_PR, ETHERNET - PR));
	block_put64(b, PR_STATUS, PR_CREDITS);
	block_put64(b, PR_INTERFACE_LOW, board->interface_low);
	block_put64(b, PR_INTERFACE_HIGH, board->interface_high);
}

/* With a version 1 header, as newer features have it; the last of the FME's own. */
static void reset_ethernet(struct block *b)
{
	const struct board *board = card_board(b->card);
	uint64_t next = board->layout == BOARD_VSEC && board->num_ports ?
				board->ports[0].offset - board->fme_offset - ETHERNET :
				0;

	block_put64(b, ETHERNET, dfh(DFH_PRIVATE, ID_ETHERNET, next) | DFH_V1);
	block_put64(b, ETHERNET + 0x08, UINT64_C(0x8f2b6c0d17e94a53));
	block_put64(b, ETHERNET + 0x10, UINT64_C(0x2d41f7a98c3e0b65));
	block_put64(b, ETHERNET + DFH_V1_CSR, (uint64_t)ETHERNET_CSRS << 1);
	block_put64(b, ETHERNET + DFH_V1_GROUP, UINT64_C(0x100) << 32);
}

/* All but the errors: what was one stays one over a reset, until it is cleared. */
static void wipe(struct block *b)
{
	static const uint64_t sticky[] = { ERROR, PCIE0_ERROR, PCIE1_ERROR, ERROR_FIRST, ERROR_NEXT };
	bool was_up = block_get64(b, GUID_LOW) == FME_GUID_LOW;
	uint64_t kept[sizeof(sticky) / sizeof(sticky[0])] = { 0 };

	for (unsigned int i = 0; was_up && i < sizeof(kept) / sizeof(kept[0]); i++)
		kept[i] = block_get64(b, sticky[i]);
	for (uint64_t at = 0; at < b->size; at += 8)
		block_put64(b, at, 0);
	for (unsigned int i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		block_put64(b, sticky[i], kept[i]);
}

static void reset(struct block *b)
{
	const struct board *board = card_board(b->card);

	wipe(b);
	block_put64(b, HEAD, dfh(DFH_FIU, FIU_FME, THERMAL - HEAD));
	block_put64(b, GUID_LOW, FME_GUID_LOW);
	block_put64(b, GUID_HIGH, FME_GUID_HIGH);
	block_put64(b, CAP, 1u | 1u << 12 | (uint64_t)board->num_ports << 17 | 48u << 24);
	for (unsigned int i = 0; i < board->num_ports; i++) {
		const struct board_port *p = &board->ports[i];
		uint64_t bar = board->layout == BOARD_VSEC ? PORT_NO_BAR : p->bar;

		block_put64(b, PORT_OFST + 8 * i,
			    p->offset | bar << 32 | PORT_IMPLEMENTED);
	}
	block_put64(b, BITSTREAM_ID, board->bitstream_id);
	block_put64(b, BITSTREAM_MD, UINT64_C(0x20261101));
	reset_sensors(b);
	reset_errors(b);
	reset_pr(b);
	reset_ethernet(b);
}

/* ---- errors ---- */

static void raise_bits(struct block *b, uint64_t reg, uint64_t bits)
{
	if (!bits)
		return;
	if (!block_get64(b, ERROR_FIRST))
		block_put64(b, ERROR_FIRST, bits);
	else
		block_put64(b, ERROR_NEXT, bits);
	block_put64(b, reg, block_get64(b, reg) | bits);
	block_interrupt(b, 0);
}

static void inject_errors(struct block *b, uint64_t value)
{
	uint64_t old = block_get64(b, ERROR_INJECT), more;

	value &= INJECT_CATASTROPHIC | INJECT_FATAL | INJECT_NONFATAL;
	more = value & ~old;
	block_put64(b, ERROR_INJECT, value);
	block_put64(b, ERROR_CATFATAL, (value & INJECT_CATASTROPHIC ? CATFATAL_INJECTED : 0) |
				       (value & INJECT_FATAL ? CATFATAL_INJECTED_FATAL : 0));
	block_put64(b, ERROR_NONFATAL, value & INJECT_NONFATAL ? NONFATAL_INJECTED : 0);
	if (more)
		block_interrupt(b, 0);
}

static void raise_faults(struct block *b)
{
	raise_sensors(b);
	raise_bits(b, ERROR, card_inject(b->card)->fme_error & ~block_get64(b, ERROR_MASK));
}

/* ---- partial reconfiguration ---- */

static void take_data(struct block *b, uint64_t value)
{
	struct fme *f = b->state;

	if (!(block_get64(b, PR_CTRL) & PR_START))
		return;
	for (unsigned int i = 0; i < 4; i++, f->bytes++)
		if (f->bytes < sizeof(f->bitstream))
			f->bitstream[f->bytes] = (uint8_t)(value >> 8 * i);
}

static uint64_t be64(const uint8_t *at)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | at[i];
	return v;
}

static uint64_t replace(struct block *b, uint64_t ctrl)
{
	const struct fme *f = b->state;
	const struct block_ops *afu;

	if (card_inject(b->card)->pr_error)
		return card_inject(b->card)->pr_error;
	if (PR_REGION(ctrl) >= card_board(b->card)->num_ports)
		return PR_ERROR_OPERATION;
	afu = f->bytes < sizeof(f->bitstream) ?
		      NULL :
		      board_find_afu_guid(be64(f->bitstream), be64(f->bitstream + 8));
	if (!afu)
		return PR_ERROR_INCOMPATIBLE;
	return card_replace_afu(b->card, (unsigned int)PR_REGION(ctrl), afu) ? PR_ERROR_OPERATION : 0;
}

static void complete(struct block *b, uint64_t ctrl)
{
	uint64_t error = replace(b, ctrl);

	block_put64(b, PR_ERROR, error);
	block_put64(b, PR_STATUS, PR_CREDITS | (error ? PR_FAILED : 0));
	block_put64(b, PR_CTRL, ctrl & ~(PR_START | PR_COMPLETE));
}

static void pr_control(struct block *b, uint64_t value)
{
	uint64_t ctrl = value & (PR_RESET | UINT64_C(7) << 7 | PR_START | PR_COMPLETE);
	struct fme *f = b->state;

	if (ctrl & PR_RESET) {
		ctrl |= PR_ACK;
		block_put64(b, PR_STATUS, PR_CREDITS); /* Linux waits for it to be idle */
	}
	if ((ctrl & PR_START) && !(block_get64(b, PR_CTRL) & PR_START))
		f->bytes = 0;
	block_put64(b, PR_CTRL, ctrl);
	if ((ctrl & PR_START) && (ctrl & PR_COMPLETE))
		complete(b, ctrl);
}

/* ---- writes ---- */

static void clear_bits(struct block *b, uint64_t reg, uint64_t bits)
{
	block_put64(b, reg, block_get64(b, reg) & ~bits);
}

static bool clears_with_ones(uint64_t reg)
{
	return reg == ERROR || reg == PCIE0_ERROR || reg == PCIE1_ERROR || reg == ERROR_FIRST ||
	       reg == ERROR_NEXT || reg == PR_ERROR;
}

static void port_offset(struct block *b, uint64_t reg, uint64_t value)
{
	if (block_get64(b, reg) & PORT_IMPLEMENTED)
		block_put64(b, reg, (block_get64(b, reg) & ~PORT_FOR_VF) | (value & PORT_FOR_VF));
}

static void written64(struct block *b, uint64_t reg, uint64_t value)
{
	if (clears_with_ones(reg)) {
		clear_bits(b, reg, value);
		return;
	}
	switch (reg) {
	case ERROR_INJECT: inject_errors(b, value); break;
	case PR_CTRL: pr_control(b, value); break;
	case PR_DATA: take_data(b, value); break;
	case THERMAL_THRESHOLDS:
		block_put64(b, reg, value);
		put_heat(b);
		break;
	case POWER_THRESHOLDS:
		block_put64(b, reg, value);
		put_power(b);
		break;
	case ERROR_MASK:
	case PCIE0_MASK:
	case PCIE1_MASK: block_put64(b, reg, value); break;
	default:
		if (reg >= PORT_OFST && reg < PORT_OFST + 8 * BOARD_MAX_PORTS)
			port_offset(b, reg, value);
		else if (reg >= COUNTERS && reg < COUNTERS + FME_PERF_BYTES)
			fme_perf_written(b, COUNTERS, reg, value);
		else if (reg >= ETHERNET + ETHERNET_CSRS && reg < ETHERNET + ETHERNET_BYTES)
			block_put64(b, reg, value);
	}
}

/* A half is written with the other half as it is; where ones clear, with zeros. */
static void written(struct block *b, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7), old;

	if (bytes == 4) {
		old = clears_with_ones(reg) || reg == PR_DATA ? 0 : block_get64(b, reg);
		value = offset & 4 ? (old & UINT32_MAX) | value << 32 :
				     (old & ~(uint64_t)UINT32_MAX) | value;
	}
	written64(b, reg, value);
}

static void reading(struct block *b, uint64_t offset, uint32_t len)
{
	if (offset < COUNTERS + FME_PERF_BYTES && offset + len > COUNTERS)
		fme_perf_refresh(b, COUNTERS);
}

const struct block_ops block_fme = {
	.name = "fme",
	.help = "the management engine",
	.state_size = sizeof(struct fme),
	.reset = reset,
	.written = written,
	.reading = reading,
	.raise = raise_faults,
};
