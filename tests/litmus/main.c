/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs litmus programs and holds what is seen against the model. See usage(); tests/litmus/run starts what it
 * needs around it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <opae/init.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/litmus/execute.h"
#include "tests/litmus/generate.h"
#include "tests/litmus/model.h"
#include "tests/litmus/seam.h"

#define MOST_SHOWN 40u
#define SHAPES_AGAIN 100u /* random programs between */

struct options {
	uint64_t seed;
	unsigned int programs, seconds, runs, delay_us, seam_us, flags;
	const char *text, *shape;
	bool model_only, kicks, stop;
};

struct counts {
	unsigned int programs, rejected, stuck;
	uint64_t runs, outside, states;
	int64_t model_ns, run_ns;
};

struct session {
	struct options o;
	struct counts c;
	struct model *model;
	struct litmus_rig *rig; /* NULL: the model alone */
	uint64_t seed;		/* of delays */
	int64_t end;
	bool hung, over; /* it did not end, so nothing more can be run; or nothing more is to be */
};

static void usage(FILE *f)
{
	fprintf(f, "usage: litmus [OPTION]...\n"
		   "Runs litmus programs (tests/litmus/program.h) on the accelerators script and\n"
		   "poller that are there, and looks whether the model allows what is seen. Exit code\n"
		   "1: it does not.\n"
		   "  --seed N       the first random program; the following have N+1, ... (1)\n"
		   "  --programs N   random programs, after all shapes (100)\n"
		   "  --seconds N    as many as go into that time, instead\n"
		   "  --runs N       of each program (20)\n"
		   "  --program TEXT this one alone\n"
		   "  --shape NAME   this one alone; 'list' prints all\n"
		   "  --tracker T    which promise holds: local, trap or eager (local)\n"
		   "  --kicks        the program's stores reach the device by register writes alone: make\n"
		   "                 some\n"
		   "  --delay-us N   at most, before each step (50)\n"
		   "  --seam-us N    at most, at calls to sockets (0)\n"
		   "  --stop         at the first outcome outside the model\n"
		   "  --model        no run: the programs, and what is allowed\n");
}

/* ---- one program ---- */

static void show_allowed(const struct session *s, const struct litmus_program *p)
{
	size_t num = model_num_outcomes(s->model);
	char text[LITMUS_TEXT];

	printf("allowed: %zu outcomes of %zu states\n", num, model_num_states(s->model));
	for (size_t i = 0; i < num && i < MOST_SHOWN; i++) {
		litmus_print_outcome(p, model_outcome(s->model, i), text);
		printf("   %s\n", text);
	}
	if (num > MOST_SHOWN)
		printf("   ...\n");
}

static void show_outside(const struct session *s, const struct litmus_program *p, const char *name,
			 const struct litmus_outcome *o, unsigned int run)
{
	char text[LITMUS_TEXT];

	litmus_print(p, text);
	printf("OUTSIDE the model: %s, run %u\n--program '%s'\n", name, run, text);
	litmus_print_outcome(p, o, text);
	printf("seen:\n   %s\n", text);
	show_allowed(s, p);
	fflush(stdout);
}

static bool differ(const struct litmus_outcome *o)
{
	return memcmp(o->program, o->device, sizeof(o->program));
}

static void run_often(struct session *s, const struct litmus_program *p, const char *name)
{
	bool told = false;

	rig_load(s->rig, p);
	for (unsigned int i = 0; i < s->o.runs && !s->over; i++) {
		struct litmus_outcome o;

		s->hung = !rig_run(s->rig, &s->seed, &o);
		s->c.runs++;
		if (!s->hung && differ(&o))
			rig_unload(s->rig); /* the next begins with buffers that are alike */
		if (!s->hung && model_allows(s->model, &o))
			continue;
		s->c.outside++;
		if (s->hung)
			printf("it did not end:\n");
		if (!told)
			show_outside(s, p, name, &o, i);
		told = true;
		s->over = s->hung || s->o.stop;
	}
	if (!s->hung)
		rig_unload(s->rig);
}

static void try_program(struct session *s, const char *text, const char *name)
{
	struct litmus_program p;
	enum model_verdict verdict;
	int64_t begin = clock_now_ns();
	const char *why;

	if (!litmus_parse(text, &p, &why)) {
		fprintf(stderr, "litmus: %s: '%s': %s\n", name, text, why);
		exit(2);
	}
	verdict = model_run(s->model, &p, s->o.flags);
	s->c.model_ns += clock_now_ns() - begin;
	s->c.states += model_num_states(s->model);
	if (verdict == MODEL_DONE && s->o.flags && !strncmp(name, "seed ", 5) && !model_knows(&p)) {
		s->c.rejected++;
		return;
	}
	if (verdict != MODEL_DONE) {
		s->c.stuck += verdict == MODEL_STUCK;
		s->c.rejected++;
		if (strncmp(name, "seed ", 5))
			printf("%s: %s\n", name,
			       verdict == MODEL_STUCK ? "it can get stuck" : "too many states");
		return;
	}
	s->c.programs++;
	if (s->o.model_only && (s->o.text || s->o.shape)) {
		printf("%s: %s\n", name, text);
		show_allowed(s, &p);
	}
	if (!s->rig)
		return;
	begin = clock_now_ns();
	run_often(s, &p, name);
	s->c.run_ns += clock_now_ns() - begin;
}

/* ---- which programs ---- */

static bool time_is_up(const struct session *s)
{
	return s->over || (s->o.seconds && clock_now_ns() > s->end);
}

static void try_shapes(struct session *s)
{
	bool found = false;

	for (const struct litmus_shape *h = litmus_shapes; h->name; h++) {
		if (s->o.shape && strcmp(s->o.shape, h->name))
			continue;
		found = true;
		if (!s->over)
			try_program(s, h->text, h->name);
	}
	if (!found)
		fprintf(stderr, "litmus: there is no shape %s; --shape list\n", s->o.shape);
}

static void try_random(struct session *s)
{
	char text[LITMUS_TEXT], name[40];

	unsigned int last = s->c.programs + s->o.programs;

	for (uint64_t i = 0; !time_is_up(s) && (s->o.seconds || s->c.programs < last); i++) {
		if (s->o.seconds && i % SHAPES_AGAIN == SHAPES_AGAIN - 1)
			try_shapes(s);
		litmus_generate(s->o.seed + i, text);
		snprintf(name, sizeof(name), "seed %" PRIu64, s->o.seed + i);
		try_program(s, text, name);
	}
}

static void try_all(struct session *s)
{
	s->end = clock_deadline((int64_t)s->o.seconds * NS_PER_S);
	if (s->o.text) {
		try_program(s, s->o.text, "--program");
		while (s->o.seconds && !time_is_up(s))
			try_program(s, s->o.text, "--program");
		return;
	}
	try_shapes(s);
	while (s->o.shape && s->o.seconds && !time_is_up(s))
		try_shapes(s);
	if (!s->o.shape)
		try_random(s);
}

static void report(const struct counts *c)
{
	printf("%u programs, %u more that the model does not judge; %" PRIu64 " runs, %" PRIu64
	       " outside the model\n", c->programs, c->rejected, c->runs, c->outside);
	if (c->model_ns)
		printf("model: %.0f programs/s, %.0f states of each; ",
		       (double)(c->programs + c->rejected) * 1e9 / (double)c->model_ns,
		       (double)c->states / (double)(c->programs + c->rejected));
	if (c->run_ns)
		printf("%.0f runs/s", (double)c->runs * 1e9 / (double)c->run_ns);
	printf("\n");
}

/* ---- options ---- */

static bool number(const char *text, uint64_t *ret)
{
	char *end;

	*ret = strtoull(text, &end, 0);
	return end != text && !*end;
}

static bool set_tracker(struct options *o, const char *value)
{
	static const struct {
		const char *word;
		unsigned int flags;
	} trackers[] = { { "local", 0 }, { "trap", MODEL_REMOTE }, { "eager", MODEL_REMOTE | MODEL_EAGER } };

	for (size_t i = 0; i < sizeof(trackers) / sizeof(trackers[0]); i++)
		if (!strcmp(trackers[i].word, value)) {
			o->flags = trackers[i].flags;
			return true;
		}
	return false;
}

static bool set_number(struct options *o, int key, const char *value)
{
	uint64_t n;

	if (!number(value, &n) || (key != 's' && n > UINT32_MAX))
		return false;
	switch (key) {
	case 's': o->seed = n; return true;
	case 'n': o->programs = (unsigned int)n; return true;
	case 'S': o->seconds = (unsigned int)n; return true;
	case 'r': o->runs = (unsigned int)n; return true;
	case 'd': o->delay_us = (unsigned int)n; return true;
	default: o->seam_us = (unsigned int)n; return true;
	}
}

static bool set(struct options *o, int key, const char *value)
{
	switch (key) {
	case 'p': o->text = value; return true;
	case 'h': o->shape = value; return true;
	case 'm': o->model_only = true; return true;
	case 'k': o->kicks = true; return true;
	case 'x': o->stop = true; return true;
	case 't': return set_tracker(o, value);
	default: return key != '?' && set_number(o, key, value);
	}
}

static struct options read_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, NULL, 's' },     { "programs", 1, NULL, 'n' }, { "seconds", 1, NULL, 'S' },
		{ "runs", 1, NULL, 'r' },     { "program", 1, NULL, 'p' },  { "shape", 1, NULL, 'h' },
		{ "tracker", 1, NULL, 't' },  { "kicks", 0, NULL, 'k' },    { "delay-us", 1, NULL, 'd' },
		{ "seam-us", 1, NULL, 'e' },  { "model", 0, NULL, 'm' },    { "help", 0, NULL, 'H' },
		{ "stop", 0, NULL, 'x' },     { NULL, 0, NULL, 0 },
	};
	struct options o = { .seed = 1, .programs = 100, .runs = 20, .delay_us = 50 };
	int key;

	while ((key = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (key == 'H') {
			usage(stdout);
			exit(0);
		} else if (!set(&o, key, optarg)) {
			usage(stderr);
			exit(2);
		}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
	return o;
}

static void start(struct session *s)
{
	litmus_seam(s->o.seam_us, s->o.seed);
	if (fpgaInitialize(NULL) != FPGA_OK) {
		fprintf(stderr, "litmus: fpgaInitialize: %s\n", opaex_error_detail());
		exit(2);
	}
	s->rig = rig_new(s->o.delay_us, s->o.kicks);
}

int main(int argc, char **argv)
{
	struct session s = { .o = read_options(argc, argv) };

	if (s.o.shape && !strcmp(s.o.shape, "list")) {
		for (const struct litmus_shape *h = litmus_shapes; h->name; h++)
			printf("%-24s %s\n", h->name, h->text);
		return 0;
	}
	s.seed = s.o.seed;
	s.model = model_new();
	if (!s.model)
		return 2;
	if (!s.o.model_only)
		start(&s);
	try_all(&s);
	report(&s.c);
	if (s.rig && !s.hung) {
		rig_free(s.rig);
		fpgaFinalize();
	}
	model_free(s.model);
	return s.c.outside ? 1 : 0;
}
