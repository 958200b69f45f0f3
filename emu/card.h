/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulated card: a board played by the vfio-user server, with an engine thread for the work of
 * each accelerator.
 */
#ifndef EMU_CARD_H
#define EMU_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_ops;
struct board;
struct card;
struct inject;

/* The board and the faults are the caller's and must outlive the card. */
int card_new(const struct board *board, const char *socket, bool mapped,
	     const struct inject *inject, struct card **ret);
int card_run(struct card *c); /* serves until card_stop() */
void card_stop(struct card *c); /* from any thread or a signal handler */
void card_free(struct card *c);

/* The faults that wait for a signal happen now. From any thread. */
void card_raise(struct card *c);

/* What a user wants to know when nothing arrived: DMA that could not be done; and traffic. */
struct card_counts {
	uint64_t dma_faults;
	uint64_t last_fault_iova;
	bool last_fault_was_write;
	uint64_t messages, clients;
};
void card_counts(struct card *c, struct card_counts *out);

/* ---- for the FME and the ports; lock held ---- */

const struct board *card_board(const struct card *c);
const struct inject *card_inject(const struct card *c);
/* Holds a port's accelerator in reset (idle, without DMA, its registers as after power-on), or lets it go. */
void card_hold_port(struct card *c, unsigned int port, bool hold);
/* What a port's accelerator has sent and got over the bus since the card began; mapped registers are
 * not counted. */
struct card_traffic {
	uint64_t dma_reads, dma_writes;	  /* DMA that succeeded; a copy is one of each */
	uint64_t read_lines, write_lines; /* the same in lines of 64 bytes, begun ones included */
	uint64_t mmio_reads, mmio_writes; /* messages that read its registers; words written to them */
};
void card_traffic(const struct card *c, unsigned int port, struct card_traffic *out);
/* Puts another accelerator into a port. -EBUSY: it is not in reset. -EINVAL: it doesn't fit. */
int card_replace_afu(struct card *c, unsigned int port, const struct block_ops *afu);

#endif
