/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker that has gone over to its peer. */
#ifndef TESTS_SANDBOX_ATTACKER_H
#define TESTS_SANDBOX_ATTACKER_H

#include <stddef.h>

/*
 * Each does what its name says. Returns what it got, which is not negative, or a negative errno. `arg` is the
 * rest of the peer's line: a process's number, a path.
 */
struct attack {
	const char *name;
	long (*run)(const char *arg);
};

/* Each ends with a NULL name. */
extern const struct attack attacks[], attacks_on_files[], attacks_by_messages[];

/* Does what the other end says until that has gone; or one attack, and prints what came of it. */
void attacker_obey(int fd);
void attacker_show(const char *name, const char *arg);
/* Asks the monitor: "TYPE FLAGS PATH [PATH2]". */
long ask_as_told(const char *arg);
/* "MS TYPE FLAGS PATH": the same for so long; how long the slowest answer took, in ms. */
long ask_again_and_again(const char *arg);
/* The one that came last; -1: none has. */
int lent_descriptor(void);
/* With that. */
long abuse(const char *how);
/* Asks so often, and reads no answer. */
long ask_flood(const char *arg);

#endif
