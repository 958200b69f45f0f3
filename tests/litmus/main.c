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

enum exit_code { EXIT_GOOD, EXIT_OUTSIDE, EXIT_USAGE, EXIT_LATE };

struct options {
	uint64_t seed;
	unsigned int programs, seconds, runs, seam_us, flags;
	unsigned int again; /* random programs between the shapes and the shapes again */
	struct rig_options rig;
	enum litmus_kind kind;
	const char *text, *shape;
	bool model_only, stop;
};

struct counts {
	unsigned int named, rounds; /* shapes, or one program; and how often all of them were tried */
	unsigned int programs[LITMUS_ANY]; /* by chance */
	unsigned int tried, stuck, large, unknown, hung;
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
		   "1: it does not; 2: something is missing or wrong, or the model does not judge a\n"
		   "program that was asked for; 3: a run did not come to its end.\n"
		   "  --seed N       the first random program; the following have N+1, ... (1)\n"
		   "  --programs N   random programs, after all shapes (100; with --seconds 0)\n"
		   "  --seconds N    and more of them until that time is over\n"
		   "  --runs N       of each program (20)\n"
		   "  --again N      random programs between the shapes and the shapes again (500)\n"
		   "  --kind NAME    shapes and random programs of one kind: plain, handles, events,\n"
		   "                 frees, queues\n"
		   "  --program TEXT this one alone\n"
		   "  --shape NAME   this one alone; 'list' prints all\n"
		   "  --tracker T    which promise holds: local, trap or eager (local)\n"
		   "  --kicks        the program's stores reach the device by register writes alone: make\n"
		   "                 some\n"
		   "  --delay-us N   at most, before each step (50)\n"
		   "  --seam-us N    at most, at calls to sockets (0)\n"
		   "  --patience N   seconds that a run may take (60)\n"
		   "  --spoil        what is seen is made wrong: at the end the program's end is changed\n"
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

static void show_hung(const struct session *s, const struct litmus_program *p, const char *name,
		      unsigned int run)
{
	char text[LITMUS_TEXT];

	litmus_print(p, text);
	printf("NO END within %u s: %s, run %u\n--program '%s'\n", s->o.rig.patience_s, name, run, text);
	fflush(stdout);
}

static bool differ(const struct litmus_outcome *o)
{
	return memcmp(o->program, o->device, sizeof(o->program));
}

static void one_run(struct session *s, const struct litmus_program *p, const char *name, unsigned int run,
		    bool *told)
{
	struct litmus_outcome o;

	s->hung = !rig_run(s->rig, &s->seed, &o);
	s->c.runs++;
	s->c.hung += s->hung;
	if (s->hung)
		show_hung(s, p, name, run);
	else if (differ(&o))
		rig_unload(s->rig); /* the next begins with buffers that are alike */
	s->over = s->hung;
	if (s->hung || model_allows(s->model, &o))
		return;
	s->c.outside++;
	if (!*told)
		show_outside(s, p, name, &o, run);
	*told = true;
	s->over = s->o.stop;
}

static void run_often(struct session *s, const struct litmus_program *p, const char *name)
{
	int64_t begin = clock_now_ns();
	bool told = false;

	rig_load(s->rig, p);
	for (unsigned int i = 0; i < s->o.runs && !s->over; i++)
		one_run(s, p, name, i, &told);
	if (!s->hung)
		rig_unload(s->rig);
	s->c.run_ns += clock_now_ns() - begin;
}

/* NULL: the model has all outcomes. Else what keeps it from that. */
static const char *judge(struct session *s, const struct litmus_program *p)
{
	int64_t begin = clock_now_ns();
	enum model_verdict verdict = model_run(s->model, p, s->o.flags);
	bool known = !s->o.flags || model_knows(p, s->o.flags);

	s->c.tried++;
	s->c.model_ns += clock_now_ns() - begin;
	s->c.states += model_num_states(s->model);
	s->c.stuck += verdict == MODEL_STUCK;
	s->c.large += verdict == MODEL_LARGE;
	s->c.unknown += verdict == MODEL_DONE && !known;
	if (verdict == MODEL_DONE)
		return known ? NULL : "what two sides store to one word would have to be told apart";
	return verdict == MODEL_STUCK ? "it can get stuck" : "it has too many states";
}

static void parse(const char *text, const char *name, struct litmus_program *ret)
{
	const char *why;

	if (litmus_parse(text, ret, &why))
		return;
	fprintf(stderr, "litmus: %s: '%s': %s\n", name, text, why);
	exit(EXIT_USAGE);
}

/* One that is asked for by name, or by its text: the model has to judge it. */
static void try_named(struct session *s, const char *text, const char *name)
{
	struct litmus_program p;
	const char *why;

	parse(text, name, &p);
	if (s->o.kind != LITMUS_ANY && s->o.kind != litmus_kind_of(&p))
		return;
	why = judge(s, &p);
	if (why) {
		fprintf(stderr, "litmus: %s: the model does not judge '%s': %s\n", name, text, why);
		exit(EXIT_USAGE);
	}
	s->c.named += !s->c.rounds;
	if (s->o.model_only && (s->o.text || s->o.shape)) {
		printf("%s: %s\n", name, text);
		show_allowed(s, &p);
	}
	if (s->rig)
		run_often(s, &p, name);
}

static void try_random(struct session *s, uint64_t seed)
{
	char text[LITMUS_TEXT], name[40];
	struct litmus_program p;

	litmus_generate(seed, s->o.kind, text);
	snprintf(name, sizeof(name), "seed %" PRIu64, seed);
	parse(text, name, &p);
	if (judge(s, &p))
		return;
	s->c.programs[litmus_kind_of(&p)]++;
	if (s->rig)
		run_often(s, &p, name);
}

/* ---- which programs ---- */

static bool time_is_up(const struct session *s)
{
	return s->over || clock_now_ns() > s->end;
}

static void try_shapes(struct session *s)
{
	bool found = s->o.text;

	if (found)
		try_named(s, s->o.text, "--program");
	for (const struct litmus_shape *h = litmus_shapes; h->name && !s->o.text && !s->over; h++) {
		if (s->o.shape && strcmp(s->o.shape, h->name))
			continue;
		found = true;
		try_named(s, h->text, h->name);
	}
	s->c.rounds++;
	if (found || s->over)
		return;
	fprintf(stderr, "litmus: there is no shape %s; --shape list\n", s->o.shape);
	exit(EXIT_USAGE);
}

static unsigned int num_random(const struct counts *c)
{
	unsigned int n = 0;

	for (int k = 0; k < LITMUS_ANY; k++)
		n += c->programs[k];
	return n;
}

static void try_by_chance(struct session *s)
{
	unsigned int next = s->o.again;

	for (uint64_t i = 0; !s->over && (num_random(&s->c) < s->o.programs || !time_is_up(s)); i++) {
		try_random(s, s->o.seed + i);
		if (num_random(&s->c) < next)
			continue;
		try_shapes(s);
		next += s->o.again;
	}
}

static void try_all(struct session *s)
{
	s->end = clock_deadline((int64_t)s->o.seconds * NS_PER_S);
	do {
		try_shapes(s);
	} while ((s->o.text || s->o.shape) && !time_is_up(s));
	if (!s->o.text && !s->o.shape)
		try_by_chance(s);
}

static double per_second(double n, int64_t ns)
{
	return ns ? n * 1e9 / (double)ns : 0;
}

/* tests/litmus/stage.py reads it. */
static void report(const struct counts *c)
{
	printf("%u by name, %u times; %u random programs:", c->named, c->rounds, num_random(c));
	for (int k = 0; k < LITMUS_ANY; k++)
		printf(" %u %s", c->programs[k], litmus_kinds[k]);
	printf("\nnot judged: %u can get stuck, %u are too large, of %u it is not known\n", c->stuck,
	       c->large, c->unknown);
	printf("%" PRIu64 " runs, %" PRIu64 " outside the model, %u without end; %" PRIu64 " states\n",
	       c->runs, c->outside, c->hung, c->states);
	printf("the model: %.0f programs/s; %.0f runs/s\n", per_second(c->tried, c->model_ns),
	       per_second((double)c->runs, c->run_ns));
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

static bool set_kind(struct options *o, const char *value)
{
	for (int k = 0; litmus_kinds[k]; k++)
		if (!strcmp(litmus_kinds[k], value)) {
			o->kind = (enum litmus_kind)k;
			return true;
		}
	return false;
}

static bool set_number(struct options *o, int key, const char *value)
{
	uint64_t n;

	if (!number(value, &n) || (key != 's' && n > UINT32_MAX) ||
	    (key == 'w' && (!n || n > RIG_MAX_PATIENCE_S)))
		return false;
	switch (key) {
	case 's': o->seed = n; return true;
	case 'n': o->programs = (unsigned int)n; return true;
	case 'S': o->seconds = (unsigned int)n; return true;
	case 'r': o->runs = (unsigned int)n; return true;
	case 'a': o->again = n ? (unsigned int)n : 1; return true;
	case 'd': o->rig.delay_us = (unsigned int)n; return true;
	case 'w': o->rig.patience_s = (unsigned int)n; return true;
	default: o->seam_us = (unsigned int)n; return true;
	}
}

static bool set(struct options *o, int key, const char *value)
{
	switch (key) {
	case 'p': o->text = value; return true;
	case 'h': o->shape = value; return true;
	case 'm': o->model_only = true; return true;
	case 'k': o->rig.kicks = true; return true;
	case 'x': o->stop = true; return true;
	case 'b': o->rig.spoil = true; return true;
	case 'K': return set_kind(o, value);
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
		{ "stop", 0, NULL, 'x' },     { "kind", 1, NULL, 'K' },	    { "patience", 1, NULL, 'w' },
		{ "spoil", 0, NULL, 'b' },    { "again", 1, NULL, 'a' },    { NULL, 0, NULL, 0 },
	};
	struct options o = { .seed = 1, .programs = UINT32_MAX, .runs = 20, .again = 500, .kind = LITMUS_ANY,
			     .rig = { .delay_us = 50, .patience_s = 60 } };
	int key;

	while ((key = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (key == 'H') {
			usage(stdout);
			exit(0);
		} else if (!set(&o, key, optarg)) {
			usage(stderr);
			exit(EXIT_USAGE);
		}
	if (optind < argc) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
	if (o.programs == UINT32_MAX)
		o.programs = o.seconds ? 0 : 100;
	return o;
}

static void start(struct session *s)
{
	litmus_seam(s->o.seam_us, s->o.seed);
	if (fpgaInitialize(NULL) != FPGA_OK) {
		fprintf(stderr, "litmus: fpgaInitialize: %s\n", opaex_error_detail());
		exit(EXIT_USAGE);
	}
	s->rig = rig_new(&s->o.rig);
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
		return EXIT_USAGE;
	if (!s.o.model_only)
		start(&s);
	try_all(&s);
	report(&s.c);
	if (s.rig && !s.hung) {
		rig_free(s.rig);
		fpgaFinalize();
	}
	model_free(s.model);
	return s.c.outside ? EXIT_OUTSIDE : s.hung ? EXIT_LATE : EXIT_GOOD;
}
