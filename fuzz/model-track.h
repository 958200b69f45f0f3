/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * track/track.h in place of the kernel's: what is hidden, shown and written is kept in tables, and the
 * program touches pages by a call, on the thread that makes it. So a run is the same each time, needs no
 * right, and what a caller may not do ends it.
 */
#ifndef FUZZ_MODEL_TRACK_H
#define FUZZ_MODEL_TRACK_H

#include "track/track.h"

/* The call of that number from now on fails, one that shows or hides or asks; 0: none does. */
extern unsigned int model_track_fails;

/* The program loads from the page or stores to it; it aborts when it is not shown in the end. */
void model_track_touch(struct track *t, size_t page, bool store);
bool model_track_is_shown(const struct track *t, size_t page);
/* Nothing is hidden any more. */
bool model_track_failed(const struct track *t);
/* How much of it there is. */
unsigned int model_track_left(void);

#endif
