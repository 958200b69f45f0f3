/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device that has gone reads as: all-ones, as on a PCI bus. Mapped areas of it are covered
 * with such pages, so that neither a pointer that a program holds nor a load of ours faults.
 *
 * The state here belongs to the process (there is one SIGBUS), not to an instance.
 */
#ifndef DEV_ONES_H
#define DEV_ONES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Makes the pages ready and the SIGBUS handler watch; before the first area is used. */
int ones_prepare(void);
/* Replaces [at, at + len), whole pages, in place. Async-signal-safe. */
int ones_cover(void *at, size_t len);

/* A SIGBUS inside the window sets *dead, covers the page, and writes to an eventfd (-1: none), which must
 * stay open until ones_unwatch(). -ENOSPC: too many windows. One that is watched already is fine. */
int ones_watch(void *at, size_t len, atomic_bool *dead, int wake);
void ones_unwatch(void *at);

#endif
