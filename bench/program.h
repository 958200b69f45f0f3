/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that the benchmark runs: a card, a raw reference, or what is measured of ours. Whoever
 * measures hears "go" on its standard input and answers with one line of numbers, so that two of
 * them can be asked in turn. What cannot be done is said on standard error; false is returned then.
 *
 * Programs die with this process, however it ends.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct program {
	const char *name; /* for messages */
	pid_t pid;        /* 0: not running */
	int in, out;      /* our ends of its standard input and output */
	char text[512];   /* of its output, not yet taken */
	size_t have;
};

/* "opae: bench: ..." on standard error; false. */
bool bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct program_frame {
	const char *const *settings; /* "NAME=value", added to the environment, until NULL; or none: NULL */
	const char *log;	     /* file for its standard error; NULL: that of this process */
	int cpu;		     /* where alone it may run; negative: anywhere */
};

bool program_start(struct program *p, const char *name, const char *path, const char *const *argv,
		   const struct program_frame *frame);
/* From now on it runs there alone. */
bool program_move(struct program *p, int cpu);
/* The next line of its output, without its end. */
bool program_line(struct program *p, char *line, size_t len, int64_t deadline);
/* One round: n numbers; or its two halves. */
bool program_ask(struct program *p, double *numbers, size_t n);
bool program_go(struct program *p);
bool program_answer(struct program *p, double *numbers, size_t n);
/* Ends its input and waits until it has ended, or kills it when that takes too long. False, without a
 * word: its exit code was not 0. One that does not run has ended well. */
bool program_end(struct program *p);

#endif
