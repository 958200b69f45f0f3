/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by card.c and card-dma.c alone. */
#ifndef EMU_CARD_INTERNAL_H
#define EMU_CARD_INTERNAL_H

#include <stdatomic.h>

#include "emu/board.h"
#include "emu/card.h"
#include "emu/engine.h"
#include "emu/inject.h"

#define CARD_MAX_BLOCKS (1 + 2 * BOARD_MAX_PORTS)
#define CARD_MSIX_BAR 4u
#define CARD_MSIX_BYTES 4096u

struct card_bar {
	int fd; /* memfd behind the registers; -1: no such BAR */
	uint8_t *at;
	uint64_t size;
};

struct card_block {
	struct block block;
	unsigned int bar;
	uint64_t offset;
};

struct card {
	const struct board *board;
	const struct inject *inject;
	struct vu_server *server;
	struct card_bar bars[BOARD_BARS];
	struct card_block blocks[CARD_MAX_BLOCKS];
	unsigned int num_blocks;
	struct card_block *afus[BOARD_MAX_PORTS];
	char socket[108];

	struct engine_room room; /* its lock guards all below but atomics */
	struct vu_config_space config;
	uint8_t msix[CARD_MSIX_BYTES];
	atomic_bool bus_master, gone;
	atomic_uint dma_done; /* for dma-fail */
	struct card_counts counts;
	struct card_traffic traffic[BOARD_MAX_PORTS]; /* each member by itself is atomic */
};

#endif
