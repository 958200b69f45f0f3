/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/subject.h"

#include <opae/ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/cards.h"
#include "bench/program.h"

#define MAX_SAMPLES 1000000u

static const struct subject *const subjects[] = { &subject_initialize, &subject_enumerate,
						  &subject_again,      &subject_access,
						  &subject_trapped,    &subject_properties,
						  &subject_buffer,     &subject_loopback,
						  &subject_call,       &subject_paced,
						  &subject_post,       &subject_last,
						  &subject_interrupt,  &subject_move,
						  &subject_beside,     &subject_hosts,
						  &subject_quiet,      &subject_memory,
						  &subject_doorbell,   &subject_flag,
						  &subject_job,        &subject_connect,
						  &subject_ase_read,   &subject_ase_write,
						  &subject_ase_copy,   &subject_ase_free,
						  &subject_ase_rest };

bool subject_ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	return bench_fail("%s: %s: %s", what, fpgaErrStr(r), opaex_error_detail());
}

double subject_now_ns(void)
{
	return (double)clock_now_ns();
}

double *subject_room(const char *count, size_t *n)
{
	unsigned long v = strtoul(count, NULL, 10);
	double *room = v && v <= MAX_SAMPLES ? calloc(v, sizeof(*room)) : NULL;

	if (!room)
		bench_fail("no room for %s samples", count);
	*n = v;
	return room;
}

static uint64_t object_id(fpga_token token)
{
	fpga_properties p = NULL;
	uint64_t id = 0;

	if (fpgaGetProperties(token, &p) == FPGA_OK)
		fpgaPropertiesGetObjectID(p, &id);
	fpgaDestroyProperties(&p);
	return id;
}

/* The token that has `which` others before it by object id: an order that all processes agree on. */
static fpga_token nth_token(fpga_token *tokens, uint32_t num, uint32_t which)
{
	uint64_t ids[CARDS_MAX];

	for (uint32_t i = 0; num > 1 && i < num; i++)
		ids[i] = object_id(tokens[i]);
	for (uint32_t i = 0; num > 1 && i < num; i++) {
		uint32_t before = 0;

		for (uint32_t j = 0; j < num; j++)
			before += ids[j] < ids[i];
		if (before == which)
			return tokens[i];
	}
	return tokens[0];
}

bool subject_open_one(uint32_t which, uint32_t of, fpga_handle *handle)
{
	fpga_token tokens[CARDS_MAX];
	fpga_properties filter;
	uint32_t n = 0;
	bool good;

	if (!subject_ok(fpgaInitialize(NULL), "fpgaInitialize") ||
	    !subject_ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties"))
		return false;
	good = subject_ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
	       subject_ok(fpgaEnumerate(&filter, 1, tokens, CARDS_MAX, &n), "fpgaEnumerate");
	fpgaDestroyProperties(&filter);
	if (good && n != of)
		good = bench_fail("%u accelerators were found, not %u", n, of);
	good = good && subject_ok(fpgaOpen(nth_token(tokens, n, which), handle, 0), "fpgaOpen");
	for (uint32_t i = 0; i < n && i < CARDS_MAX; i++)
		fpgaDestroyToken(&tokens[i]);
	return good;
}

bool subject_open(fpga_handle *handle)
{
	return subject_open_one(0, 1, handle);
}

void subject_close(fpga_handle handle)
{
	if (handle)
		fpgaClose(handle);
	fpgaFinalize();
}

static bool answer(const struct subject *s, FILE *out)
{
	double answers[SUBJECT_ANSWERS] = { 0 };

	if (!s->round(answers))
		return false;
	for (size_t i = 0; i < s->num_answers; i++)
		fprintf(out, "%.4f ", answers[i]);
	fputc('\n', out);
	return !fflush(out);
}

/* What the library logs on standard output must not pass for an answer. */
static FILE *answers_apart(void)
{
	int fd = dup(1);

	return fd < 0 || dup2(2, 1) < 0 ? NULL : fdopen(fd, "w");
}

static int run(const struct subject *s, char *args[])
{
	FILE *out = answers_apart();
	bool good = out && s->begin(args);
	char line[8];

	while (good && fgets(line, sizeof(line), stdin))
		good = answer(s, out);
	s->end();
	if (out)
		fclose(out);
	return good ? 0 : 1;
}

int subject_main(int argc, char *argv[])
{
	for (size_t i = 0; argc > 1 && i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (!strcmp(argv[1], subjects[i]->name) && argc - 2 == subjects[i]->num_args)
			return run(subjects[i], argv + 2);
	bench_fail("there is no such subject");
	return 1;
}
