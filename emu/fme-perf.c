/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Performance counters (feature id 3). Each group has a control register, which selects the event, and a
 * counter register, which bears the event's code in its upper bits and counts in the lower ones. What is
 * counted is the card's own traffic: the fabric group tells DMA in lines of 64 bytes and accesses to
 * accelerators' registers, of the card or of one port; the IOMMU's group DMA by each port. There is no
 * cache and no translation on this card, so their events stay 0. Numbers: the kernel's drivers/fpga/dfl-
 * fme-perf.c.
 */
#include "emu/fme-perf.h"

#include "base/clock.h"
#include "emu/board.h"
#include "emu/card.h"
#include "emu/dfl.h"

enum {
	CACHE_CTRL = 0x08,
	CACHE_COUNTER = 0x10, /* two: their sum is the count */
	FABRIC_CTRL = 0x20,
	FABRIC_COUNTER = 0x28,
	CLOCK_COUNTER = 0x30,
	IOMMU_CTRL = 0x38,
	IOMMU_COUNTER = 0x40,
	WALK_CTRL = 0x48,
	WALK_COUNTER = 0x50,
};

enum { FABRIC_PCIE0_READ = 0, FABRIC_PCIE0_WRITE = 1, FABRIC_MMIO_READ = 6, FABRIC_MMIO_WRITE = 7 };
/* Of the first port; each further one has its seven behind the former's. */
enum { IOMMU_READS = 0, IOMMU_WRITES = 1, IOMMU_EVENTS = 7 };

#define ID_COUNTERS 3u
#define EVENT(ctrl) ((ctrl) >> 16 & 0xf)
#define PORT(ctrl) ((unsigned int)((ctrl) >> 20 & 3))
#define OF_ONE_PORT(ctrl) ((ctrl) >> 23 & 1)
#define SHOWN(ctrl, count) (EVENT(ctrl) << 60 | (count))
#define COUNT_48 ((UINT64_C(1) << 48) - 1)
#define COUNT_60 ((UINT64_C(1) << 60) - 1)
#define CLOCK_NS 5 /* 200 MHz */

void fme_perf_reset(struct block *b, uint64_t at, uint64_t next)
{
	block_put64(b, at, dfh(DFH_PRIVATE, ID_COUNTERS, next));
}

void fme_perf_written(struct block *b, uint64_t at, uint64_t reg, uint64_t value)
{
	static const uint64_t events = UINT64_C(0xf) << 16, ports = UINT64_C(0xf) << 20;

	switch (reg - at) {
	case CACHE_CTRL:
	case FABRIC_CTRL: block_put64(b, reg, value & (events | ports)); break;
	case IOMMU_CTRL:
	case WALK_CTRL: block_put64(b, reg, value & events); break;
	default: break;
	}
}

static uint64_t fabric_of(const struct card_traffic *t, uint64_t event)
{
	switch (event) {
	case FABRIC_PCIE0_READ: return t->read_lines;
	case FABRIC_PCIE0_WRITE: return t->write_lines;
	case FABRIC_MMIO_READ: return t->mmio_reads;
	case FABRIC_MMIO_WRITE: return t->mmio_writes;
	default: return 0; /* a second link, and a processor's: the card has neither */
	}
}

static uint64_t fabric(const struct block *b, uint64_t ctrl)
{
	unsigned int first = OF_ONE_PORT(ctrl) ? PORT(ctrl) : 0;
	unsigned int last = OF_ONE_PORT(ctrl) ? PORT(ctrl) : card_board(b->card)->num_ports - 1;
	uint64_t sum = 0;

	for (unsigned int n = first; n <= last && n < card_board(b->card)->num_ports; n++) {
		struct card_traffic t;

		card_traffic(b->card, n, &t);
		sum += fabric_of(&t, EVENT(ctrl));
	}
	return sum & COUNT_60;
}

static uint64_t iommu(const struct block *b, uint64_t ctrl)
{
	unsigned int port = (unsigned int)(EVENT(ctrl) / IOMMU_EVENTS);
	struct card_traffic t;

	if (port >= card_board(b->card)->num_ports)
		return 0;
	card_traffic(b->card, port, &t);
	switch (EVENT(ctrl) % IOMMU_EVENTS) {
	case IOMMU_READS: return t.dma_reads & COUNT_48;
	case IOMMU_WRITES: return t.dma_writes & COUNT_48;
	default: return 0;
	}
}

void fme_perf_refresh(struct block *b, uint64_t at)
{
	uint64_t ctrl = block_get64(b, at + CACHE_CTRL);

	block_put64(b, at + CACHE_COUNTER, SHOWN(ctrl, 0));
	block_put64(b, at + CACHE_COUNTER + 8, SHOWN(ctrl, 0));
	ctrl = block_get64(b, at + FABRIC_CTRL);
	block_put64(b, at + FABRIC_COUNTER, SHOWN(ctrl, fabric(b, ctrl)));
	block_put64(b, at + CLOCK_COUNTER, (uint64_t)clock_now_ns() / CLOCK_NS);
	ctrl = block_get64(b, at + IOMMU_CTRL);
	block_put64(b, at + IOMMU_COUNTER, SHOWN(ctrl, iommu(b, ctrl)));
	ctrl = block_get64(b, at + WALK_CTRL);
	block_put64(b, at + WALK_COUNTER, SHOWN(ctrl, 0));
}
