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

/* The text of a program by chance. It may be one that can get stuck: the model tells. */
void litmus_generate(uint64_t seed, char text[LITMUS_TEXT]);

#endif
