/* SPDX-License-Identifier: BSD-3-Clause */
/* The FME's performance counters: a part of fme.c's block with a file of its own. */
#ifndef EMU_FME_PERF_H
#define EMU_FME_PERF_H

#include "emu/block.h"

#define FME_PERF_BYTES 0x58u

/* `at`: where in the block the feature is; `next`: bytes to the following one. */
void fme_perf_reset(struct block *b, uint64_t at, uint64_t next);
void fme_perf_written(struct block *b, uint64_t at, uint64_t reg, uint64_t value);
/* Somebody is about to read these registers. */
void fme_perf_refresh(struct block *b, uint64_t at);

#endif
