/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of which it is known what the program touches.
 *
 * It has two views of the same pages: the program's, and the library's, which is never guarded. A page is
 * hidden from the program's view or shown in it. Whoever touches a hidden page, by an instruction or in a
 * system call, waits until it is shown; meanwhile the tracker's thread calls back. A page that is shown is
 * read and written at full speed, and the kernel notes which ones are written.
 *
 * The rules, each of which tests/unit/test_track.c holds against the running kernel:
 * - All pages are hidden at first; bytes are 0.
 * - What was written since a page was shown, or since track_written() last told of it, is told by
 *   track_written() and by track_hide(), once. Hiding loses no write: who hides a page is told whether it was
 *   written up to that moment, and nobody writes it afterwards.
 * - What is stored by the library's view is seen in the program's, and is not told as written.
 * - Nothing is copied, and no page moves: what is registered with a network card by the library's view stays
 *   so.
 *
 * Under it lie minor faults and asynchronous write-protection of one userfaultfd, and PAGEMAP_SCAN
 * (linux/userfaultfd.h, linux/fs.h; Linux 6.7). After fork(2) the child's view of the program's side is plain
 * memory, with what hidden pages happen to have.
 */
#ifndef TRACK_TRACK_H
#define TRACK_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACK_PAGE 4096u   /* bytes; offsets and lengths below are multiples of it */
#define TRACK_WHY_MAX 200u /* bytes of a reason, with its NUL */

struct tracker;
struct track;

/*
 * Somebody waits for the hidden page at `offset`; on the tracker's thread. Shows it, now or later, from
 * whatever thread. It may be shown already. True: the next touch is likely to follow at once.
 */
typedef bool (*track_touched)(void *ctx, struct track *t, size_t offset);
/* [from, end) was written. */
typedef void (*track_run)(void *ctx, size_t from, size_t end);

/*
 * Starts a tracker, which waits for the next touch by spinning up to spin_ns before it sleeps. 0, or a
 * negative errno with the reason and what can be done about it: -EACCES or -EPERM, this user may not;
 * -EOPNOTSUPP, this kernel cannot; others.
 */
int tracker_new(int64_t spin_ns, struct tracker **ret, char why[TRACK_WHY_MAX]);
/* There is no memory of it any more. NULL is fine. */
void tracker_free(struct tracker *tr);
/* In the child of a fork, where its thread is not: closes what it has, leaves its memory. NULL is fine. */
void tracker_forked(struct tracker *tr);

/* Memory of `len` bytes, all hidden. 0 or a negative errno. */
int track_new(struct tracker *tr, size_t len, track_touched touched, void *ctx, struct track **ret);
/*
 * Both views go. Waits for a call back that is under way. The program of who touches a page now is wrong: he
 * finds plain memory, and then none. Not from the call back. NULL is fine.
 */
void track_free(struct track *t);

unsigned char *track_program(const struct track *t);
unsigned char *track_library(const struct track *t);
size_t track_len(const struct track *t);

/*
 * Is any of these bytes in the program's view of tracked memory, of whatever tracker in this process? Where
 * the program itself has the kernel track what it writes in the same way, that counts as well. Touches
 * nothing of it.
 */
bool track_any(const void *at, size_t len);

/* Any number of threads; two of them not on the same pages at once. Each: 0 or a negative errno. */

/*
 * Shows the pages of [from, end) that are hidden, as not written, and wakes who waits for them. What is
 * short is tried again for a second. When they cannot be shown, all of this memory is given up, so that
 * nobody waits for ever: nothing of it is hidden from then on, nothing is told, and these three fail.
 */
int track_show(struct track *t, size_t from, size_t end);
/* The same, as written: who writes them all is spared the kernel's noting it of each. */
int track_show_written(struct track *t, size_t from, size_t end);
/* Hides [from, end), all of which was shown before (and may be hidden again), and tells what was written. */
int track_hide(struct track *t, size_t from, size_t end, track_run written, void *ctx);
/* Tells what was written of [from, end), all of which was shown before. */
int track_written(struct track *t, size_t from, size_t end, track_run written, void *ctx);

#endif
