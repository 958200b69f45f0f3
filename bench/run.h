/* SPDX-License-Identifier: BSD-3-Clause */
/* A run of the benchmark: its private directory, its sides that are asked in turn, its rows. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <limits.h>

#include "bench/cards.h"
#include "bench/program.h"
#include "bench/report.h"

#define ROUNDS 11
#define SIDE_ARGS 8
#define SIDE_NUMBERS 3

struct run {
	bool quick;
	bool rdma; /* its daemons offer it */
	const char *only;    /* names of rows, or how they begin, with commas between; NULL: all */
	unsigned int rounds; /* of what is measured next */
	char root[CARDS_DIR_MAX - 24]; /* the private directory; all else lies in it */
	char card_program[PATH_MAX];
	char config[CARDS_DIR_MAX + 32]; /* LIBOPAE_CFGFILE=... */
	char site[CARDS_DIR_MAX];        /* certificates (bench/site.h); "": there are none */
	unsigned int directories;        /* made so far, for names */
	/* Whatever is compared runs on the first of these, and whoever serves it on the other: where
	 * the scheduler puts a pair makes more of a difference than all else. -1: there is only one. */
	int cpu[2];
	struct bench_report *report;
};

/* One of the two that are compared. */
struct side {
	const char *raw;             /* program of bench/raw, or of a path; NULL: a subject */
	const char *args[SIDE_ARGS]; /* what follows; a subject's name first */
	const struct cards *cards;   /* what a subject finds; NULL: nothing */
	const char *config;          /* of a subject: LIBOPAE_CFGFILE=...; NULL: the run's */
	bool pinned;                 /* runs on cpu[0] alone */
	bool each_cpu;               /* a round is the better of two, one on each of cpu[] */
	bool fresh;                  /* a new process and an empty inventory for each round */
	size_t numbers;              /* of an answer */
	double median[SIDE_NUMBERS]; /* of the rounds */

	struct program program;
	char inventory[CARDS_DIR_MAX + 32]; /* OPAEX_INVENTORY_DIR=... */
};

/* What the most is that a value may be. */
struct limit {
	enum { NO_LIMIT, AT_MOST, TIMES, PLUS } kind;
	double n;
};

/* The configuration of a library that has the cards itself: v-opae alone. */
extern const char run_local_config[];

/* What belongs together, and is measured unless `only` names nothing of it. */
struct part {
	const char *name; /* with it all its rows begin; NULL: measured always */
	const char *what; /* for who waits */
	bool (*measure)(struct run *r);
};

/* All of it, from the private directory to its removal; see bench_local() for what comes of it. */
bool run_all(struct run *r, const struct part *parts, size_t num);
/* Is the row, or a part of that name, to be measured? */
bool run_wants(const struct run *r, const char *name);
/* A new directory in the private one. */
bool run_directory(struct run *r, char *path, size_t len);
bool run_cards(struct run *r, struct cards *c, const struct cards_kind *kind, unsigned int num,
	       bool pinned);
/* Both sides, in turn, round by round; which one begins changes with the round. */
bool run_sides(struct run *r, struct side *a, struct side *b);
/* One that brings its reference along. */
bool run_side(struct run *r, struct side *s);
/* One of them, in a process of its own for this. */
bool run_side_once(struct run *r, struct side *s, double *numbers);
/* Starts its process, if it does not run; for who asks it himself. Its end is program_end(). */
bool run_side_start(struct run *r, struct side *s);
void run_row(struct run *r, const char *name, const char *unit, double value, double reference,
	     struct limit limit);

#endif
