/* SPDX-License-Identifier: BSD-3-Clause */
/* The syscall seam with a call in it that fails, and what a process has open to compare. */
#ifndef TESTS_UNIT_SEAM_H
#define TESTS_UNIT_SEAM_H

#include <stdbool.h>

#include "base/sys.h"

/* What the table stands on, before it is asked for; NULL: the kernel's. It must stay. */
void seam_over(const struct sys_ops *ops);
/* That table, but for the call that seam_arm() names. */
const struct sys_ops *seam_table(void);

/* The n-th call from now on fails: this thread's, or any thread's. */
void seam_arm(int n, int error, bool any_thread);
void seam_disarm(void);
/* For what a test does in between for itself; returns what seam_resume() is to be given. */
bool seam_pause(void);
void seam_resume(bool was);
/* Has it failed since seam_arm()? */
bool seam_failed(void);

/* Descriptors of this process, and mappings of anything that a memfd is behind. */
int seam_count_fds(void);
int seam_count_maps(void);

#endif
