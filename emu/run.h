/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a run, the work that an accelerator does between a start and its end:
 *
 *     idle --run_start--> armed --run_begin, on the engine--> working --run_end--> idle
 *
 * A stop ends a run early, and its end is told as any other. A reset forgets it: it never was. A new run may
 * be started while a forgotten one still winds down; its stop is not the old one's.
 *
 * In mapped mode the client stores into the control register directly, and two stores may be seen
 * as one. So that a repeated value is still noticed, run_look() sets bit 31 (reserved) in what it
 * has seen; a store by the client clears it.
 */
#ifndef EMU_RUN_H
#define EMU_RUN_H

#include <stdatomic.h>

#include "emu/block.h"

#define RUN_SEEN 0x80000000u

struct run {
	atomic_uint epoch; /* counts what was forgotten */
	atomic_bool stop;
	bool armed, working;
	unsigned int current; /* the epoch of what is working */
	bool lost;	      /* the engine's: the DMA was taken away */
};

/* ---- lock held ---- */

void run_init(struct run *r);
bool run_start(struct run *r); /* false: one is under way */
void run_stop(struct run *r);
void run_forget(struct run *r);
/* False: it was forgotten meanwhile. The parameters are copied under the same lock. */
bool run_begin(struct run *r);
/* From here on a start is one of a new run: before the end is told, for who sees it may start at once. */
void run_end(struct run *r);
/* What the client stored in a mapped control register of 32 bits. False: nothing new. */
bool run_look(struct block *b, uint64_t offset, uint32_t *value);

/* ---- on the engine, without the lock ---- */

/* False: stopped or forgotten. Looks at mapped registers, for nobody else does meanwhile. */
bool run_goes_on(struct block *b, struct run *r);
/* A negative errno of a DMA. True: a fault; false: none, or the run is forgotten with its client. */
bool run_faulted(struct run *r, int rc);
bool run_forgotten(const struct run *r);

#endif
