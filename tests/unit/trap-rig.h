/* SPDX-License-Identifier: BSD-3-Clause */
/* For programs all of whose tests need the tracker that docs/coherence.md calls trap. */
#ifndef TESTS_UNIT_TRAP_RIG_H
#define TESTS_UNIT_TRAP_RIG_H

#include <stdbool.h>

/* This kernel or this user cannot have it: a plan to skip is printed, and nothing is to be run. */
bool trap_missing(void);

#endif
