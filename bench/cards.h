/* SPDX-License-Identifier: BSD-3-Clause */
/* Emulated cards of the benchmark's own, in a directory of their own; each a process. */
#ifndef BENCH_CARDS_H
#define BENCH_CARDS_H

#include "bench/program.h"

#define CARDS_MAX 64u
#define CARDS_DIR_MAX 80u

struct cards {
	char dir[CARDS_DIR_MAX]; /* an emulator directory, for OPAEX_EMU_DIR */
	struct program card[CARDS_MAX];
	unsigned int num;
};

/* What all cards of a set are. */
struct cards_kind {
	const char *board, *mmio;
	const char *faults; /* NULL: none */
};

/* In c->dir, on that CPU alone (negative: anywhere). On failure cards_end() is still due. */
bool cards_start(struct cards *c, const char *program, const struct cards_kind *kind,
		 unsigned int num, int cpu);
/* messages: how many they answered in all; NULL when nobody wants to know. */
bool cards_end(struct cards *c, double *messages);

#endif
