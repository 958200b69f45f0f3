/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Litmus programs on the OPAE API, whichever way its configuration leads: accelerators script and
 * poller, each the only one of its kind that is listed.
 */
#ifndef TESTS_LITMUS_EXECUTE_H
#define TESTS_LITMUS_EXECUTE_H

#include "tests/litmus/program.h"

struct litmus_rig;

/* Ends the process with a message when something is missing: so does each of these. */
struct litmus_rig *rig_new(unsigned int delay_us, bool kicks);
void rig_free(struct litmus_rig *r);
void rig_load(struct litmus_rig *r, const struct litmus_program *p);
/*
 * One run, with delays by chance before each step. False: it did not come to its end within ten seconds, and
 * nothing more can be run.
 */
bool rig_run(struct litmus_rig *r, uint64_t *seed, struct litmus_outcome *ret);
void rig_unload(struct litmus_rig *r);

#endif
