/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mistakes that are built in on purpose (-Dmutant=NAME), each to prove that the litmus programs find it:
 * tests/litmus/mutants. Without the option all of them are 0, and nothing of them is compiled.
 */
#ifndef BASE_MUTANT_H
#define BASE_MUTANT_H

#include "base/mutant-config.h"

#ifndef MUTANT_no_release /* what the program stored is not sent before a register write */
#define MUTANT_no_release 0
#endif
#ifndef MUTANT_no_acquire /* what the device stored is not told before the answer to a register read */
#define MUTANT_no_acquire 0
#endif
#ifndef MUTANT_push_first /* a cut is applied before what it makes old is hidden (eager: flags go first) */
#define MUTANT_push_first 0
#endif
#ifndef MUTANT_whole_page /* whole pages travel and are stored, not changed bytes alone */
#define MUTANT_whole_page 0
#endif
#ifndef MUTANT_write_first /* a register write leaves before what the program stored */
#define MUTANT_write_first 0
#endif
#ifndef MUTANT_lost_flush /* the last of what a release has gathered is not sent */
#define MUTANT_lost_flush 0
#endif

#endif
