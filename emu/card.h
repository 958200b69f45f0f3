/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulated card: a board played by the vfio-user server, with an engine thread for the AFU's
 * work. What an AFU asks of it is below; the rest is for main.c and tests.
 */
#ifndef EMU_CARD_H
#define EMU_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct card;

int card_new(const struct board *board, const char *socket, bool mapped, struct card **ret);
int card_run(struct card *c); /* serves until card_stop() */
void card_stop(struct card *c); /* from any thread or a signal handler */
void card_free(struct card *c);

/* DMA that could not be done, so that a user can find out why nothing arrived. */
struct card_faults {
	uint64_t count;
	uint64_t last_iova;
	bool last_was_write;
};
void card_faults(struct card *c, struct card_faults *out);

/* For the AFU. DMA and card_interrupt() are called without the lock or with it. 0 or negative errno. */
void card_lock(struct card *c);
void card_unlock(struct card *c);
int card_dma_copy(struct card *c, uint64_t dst, uint64_t src, size_t len);
int card_dma_write(struct card *c, uint64_t iova, const void *data, size_t len);
void card_interrupt(struct card *c, uint32_t vector);

#endif
