/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that somebody else writes to at any time (the program here, the device there), and its twin: the
 * same bytes as the other end of the session is known to have. What differs is news for the other end.
 *
 * Whoever writes to the memory does so without our locks. Each function reads a byte of it once, and changes
 * it by whole words of 8 bytes where it can, so that who polls a word sees the old or the new; a byte
 * that the other writer changes meanwhile is not lost. The twin is the caller's alone.
 */
#ifndef RPC_TWIN_H
#define RPC_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TWIN_LINE 64u /* bytes */
#define TWIN_WORD 8u

struct twin {
	unsigned char *memory, *twin;
	size_t len; /* of each */
};

struct twin_run {
	size_t at, len;
};

/* A word of 8 bytes as it was when it was read, or what of it lies in the memory. */
struct twin_edge {
	size_t at, len;
	unsigned char now[TWIN_WORD];
};

/*
 * The next run of changed bytes in [from, end): it begins and ends with a byte that differs, is not longer
 * than max (a multiple of 64), with the rest of the words that it begins and ends in, and has no piece of
 * `grain` bytes (TWIN_WORD or TWIN_LINE, counted from 0) in it that has not changed. False: all the same.
 */
bool twin_next(const struct twin *t, size_t from, size_t end, size_t max, size_t grain, struct twin_run *ret);
/*
 * Of memory that is written to meanwhile: reads the words of a run's two ends, at one time each. If by now
 * more of their bytes differ, in front of `end`, the run has these as well: a word is told as it was once.
 */
void twin_fix(const struct twin *t, size_t end, struct twin_run *run, struct twin_edge edges[2]);
/* Reads a run, to `out` and into the twin; edges: as fixed, or NULL where nobody writes. */
void twin_read(const struct twin *t, const struct twin_run *run, const struct twin_edge edges[2], void *out);
/*
 * What has come goes to the memory where it is news, but not over what was changed here; the twin takes it.
 */
void twin_merge(const struct twin *t, size_t at, const void *come, size_t len);
/* What has come goes to the memory where it is news; the twin takes it. */
void twin_apply(const struct twin *t, size_t at, const void *come, size_t len);
/*
 * What has come goes to the memory by itself, whatever the twin is: those bytes of the word at `at` (a
 * multiple of 8) for which the mask is 0xff, and not 0. The memory begins and ends with whole words.
 */
void twin_put(const struct twin *t, size_t at, const unsigned char come[TWIN_WORD],
	      const unsigned char mask[TWIN_WORD]);
/* Does anything differ in [from, end)? */
bool twin_differs(const struct twin *t, size_t from, size_t end);
/* The twin takes what differs in [from, end), 64 lines at most, by lines: a bit for each. */
uint64_t twin_take(const struct twin *t, size_t from, size_t end);
/* memcpy() of memory that others write to. */
void twin_copy(void *to, const void *from, size_t len);
/* memcpy() into memory that others read, from its end to its beginning. */
void twin_store(void *to, const void *from, size_t len);

#endif
