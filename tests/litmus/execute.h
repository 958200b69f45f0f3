/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Litmus programs on the OPAE API, whichever way its configuration leads: accelerators script and
 * poller, each the only one of its kind that is listed.
 */
#ifndef TESTS_LITMUS_EXECUTE_H
#define TESTS_LITMUS_EXECUTE_H

#include "tests/litmus/program.h"

struct litmus_rig;

struct rig_options {
	unsigned int delay_us;	 /* at most, before each step */
	unsigned int patience_s; /* so long a run may take */
	bool kicks;		 /* what the program stores goes by register writes alone: make some */
	bool spoil;		 /* change a word at the program's end, behind everybody's back */
};

#define RIG_MAX_PATIENCE_S 90u

/* Ends the process with a message when something is missing: so does each of these. */
struct litmus_rig *rig_new(const struct rig_options *o);
void rig_free(struct litmus_rig *r);
void rig_load(struct litmus_rig *r, const struct litmus_program *p);
/*
 * One run, with delays by chance before each step. False: it did not come to its end, and nothing more can
 * be run.
 */
bool rig_run(struct litmus_rig *r, uint64_t *seed, struct litmus_outcome *ret);
void rig_unload(struct litmus_rig *r);

#endif
