/* SPDX-License-Identifier: BSD-3-Clause */
/* Where litmus programs come from: shapes that have names, and chance. */
#ifndef TESTS_LITMUS_GENERATE_H
#define TESTS_LITMUS_GENERATE_H

#include "tests/litmus/program.h"

struct litmus_shape {
	const char *name, *text;
};

/* Ends with a name of NULL. */
extern const struct litmus_shape litmus_shapes[];

/* Random numbers that are the same everywhere; the seed is the state, and moves on. */
uint32_t litmus_random(uint64_t *seed, uint32_t below);

enum litmus_kind {
	LITMUS_PLAIN,	/* the script, by one handle */
	LITMUS_HANDLES, /* two */
	LITMUS_EVENTS,	/* with an interrupt at least */
	LITMUS_FREES,	/* a buffer is released, which the device may be using */
	LITMUS_QUEUES,	/* the poller */
	LITMUS_ANY,
};

/* By kind; ends with NULL. */
extern const char *const litmus_kinds[];

/* Of which kind a program is: of the last one that it has something of. */
enum litmus_kind litmus_kind_of(const struct litmus_program *p);

/* The text of a program by chance. It may be one that can get stuck: the model tells. */
void litmus_generate(uint64_t seed, enum litmus_kind kind, char text[LITMUS_TEXT]);

#endif
