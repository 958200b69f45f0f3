/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting the library, and enumerating. What is cold is a process that has looked at nothing yet, in
 * an inventory directory that is empty: the benchmark starts one for each round.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/cards.h"
#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"

/* ---- initialize: microseconds of the first fpgaInitialize of a process ---- */

static bool no_begin(char *args[])
{
	(void)args;
	return true;
}

static bool initialize_round(double *answers)
{
	double begin = subject_now_ns();
	bool good = subject_ok(fpgaInitialize(NULL), "fpgaInitialize");

	answers[0] = (subject_now_ns() - begin) / 1e3;
	return good;
}

static void finalize(void)
{
	fpgaFinalize();
}

const struct subject subject_initialize = { .name = "initialize",
					    .begin = no_begin,
					    .round = initialize_round,
					    .end = finalize,
					    .num_answers = 1 };

/* ---- enumerate CARDS: microseconds of one fpgaEnumerate ---- */

static fpga_properties filter;
static uint32_t want;

static bool enumerate_begin(char *args[])
{
	want = (uint32_t)strtoul(args[0], NULL, 10);
	return subject_ok(fpgaInitialize(NULL), "fpgaInitialize") &&
	       subject_ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties") &&
	       subject_ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type");
}

static bool enumerate_round(double *answers)
{
	fpga_token tokens[CARDS_MAX];
	uint32_t n = 0;
	double begin = subject_now_ns();
	bool good = subject_ok(fpgaEnumerate(&filter, 1, tokens, CARDS_MAX, &n), "fpgaEnumerate");

	answers[0] = (subject_now_ns() - begin) / 1e3;
	for (uint32_t i = 0; good && i < n && i < CARDS_MAX; i++)
		fpgaDestroyToken(&tokens[i]);
	return good && (n == want || bench_fail("%u of %u accelerators were found", n, want));
}

static void enumerate_end(void)
{
	if (filter)
		fpgaDestroyProperties(&filter);
	fpgaFinalize();
}

const struct subject subject_enumerate = { .name = "enumerate",
					   .num_args = 1,
					   .begin = enumerate_begin,
					   .round = enumerate_round,
					   .end = enumerate_end,
					   .num_answers = 1 };

/* ---- again CARDS COUNT: microseconds a card, the median of COUNT in a process that knows all ---- */

static double *samples;
static size_t count;

static bool again_begin(char *args[])
{
	double first;

	samples = subject_room(args[1], &count);
	return samples && enumerate_begin(args) && enumerate_round(&first);
}

static bool again_round(double *answers)
{
	for (size_t i = 0; i < count; i++)
		if (!enumerate_round(&samples[i]))
			return false;
	answers[0] = stats_percentile(samples, count, 50) / want;
	return true;
}

static void again_end(void)
{
	free(samples);
	enumerate_end();
}

const struct subject subject_again = { .name = "again",
				       .num_args = 2,
				       .begin = again_begin,
				       .round = again_round,
				       .end = again_end,
				       .num_answers = 1 };
