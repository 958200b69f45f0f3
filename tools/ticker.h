/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person sees while one long call runs. */
#ifndef TOOLS_TICKER_H
#define TOOLS_TICKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ticker {
	const char *what;
	int64_t began; /* ns */
	int stop;      /* an eventfd; -1: no thread runs */
	pthread_t thread;
};

/*
 * Prints `what` to standard output. On a terminal the line then tells the seconds, until the end;
 * otherwise it is a line like any other. `what` stays until ticker_end().
 */
void ticker_begin(struct ticker *t, const char *what);
/* Ends the line; returns the ns that have passed. */
int64_t ticker_end(struct ticker *t);

#endif
