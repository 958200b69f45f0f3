/* SPDX-License-Identifier: BSD-3-Clause */
/* What of simulations is measured, and against what. docs/benchmark.md tells what each row means. */
#include "bench/ase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/run.h"
#include "bench/simulation.h"
#include "bench/stats.h"

#define LINE 64.0
#define COPY_LINES "65536"
#define BUILDS 3
/* Of the copy engine: 65536 lines from 0 to 4 MiB. */
#define SOURCE "0x28=0"
#define DESTINATION "0x30=0x400000"
#define LINES "0x38=" COPY_LINES
#define START "0x40=1"

static const struct limit no_limit = { NO_LIMIT, 0 };
static const struct limit fast_enough = { TIMES, 1 / 0.85 }; /* 0.85 of the bare loop's cycles a second */

static struct bench_ase_options options;
static char sim[PATH_MAX], bare[PATH_MAX];

/* ---- building ---- */

static bool build_one(struct run *r, const char *named, const char *name, bool is_bare, char path[PATH_MAX])
{
	const char *args[] = { "--sample", "copy", "-o", path, "--bare" };
	double seconds;

	if (named) {
		if (access(named, X_OK))
			return bench_fail("%s is no program that can be run", named);
		/* With a slash it is a path, wherever PATH leads. */
		snprintf(path, PATH_MAX, "%s%s", strchr(named, '/') ? "" : "./", named);
		return true;
	}
	snprintf(path, PATH_MAX, "%s/%s", r->root, name);
	return simulation_build(args, is_bare ? 5 : 4, NULL, &seconds);
}

static bool prepare(struct run *r)
{
	return build_one(r, options.sim, "sim", false, sim) && build_one(r, options.bare, "bare", true, bare);
}

/* Each in a folder of its own; what is kept for later builds lies in ROOT/cache. */
static bool build_hello(struct run *r, double *seconds)
{
	char dir[CARDS_DIR_MAX], out[CARDS_DIR_MAX + 8], cache[CARDS_DIR_MAX + 32];
	const char *args[] = { "--sample", "hello_afu", "-o", out };
	const char *settings[] = { "CCACHE_DISABLE=1", cache, NULL };

	if (!run_directory(r, dir, sizeof(dir)))
		return false;
	snprintf(out, sizeof(out), "%s/sim", dir);
	snprintf(cache, sizeof(cache), "XDG_CACHE_HOME=%s/cache", r->root);
	return simulation_build(args, 4, settings, seconds);
}

static bool measure_build(struct run *r)
{
	const struct limit soon = { AT_MOST, 8 };
	double first, again[BUILDS];
	size_t num = r->quick ? 1 : BUILDS;

	if (!options.build)
		return true;
	if (!build_hello(r, &first))
		return false;
	for (size_t i = 0; i < num; i++)
		if (!build_hello(r, &again[i]))
			return false;
	run_row(r, "build-hello-afu-first", "s", first, 0, soon);
	run_row(r, "build-hello-afu", "s", stats_percentile(again, num, 50), 0, soon);
	return true;
}

/* ---- with a simulation ---- */

static bool on_this_simulation(struct run *r, struct simulation *s, struct side *ours, struct side *raw)
{
	bool loop = raw && raw->raw == bare, good;

	good = simulation_start(r, sim, s);
	ours->config = s->config;
	ours->pinned = true;
	for (size_t i = 0; good && i < SIDE_ARGS && ours->args[i]; i++)
		ours->args[i] = !strcmp(ours->args[i], "CONTROL") ? s->control :
				!strcmp(ours->args[i], "PID")	  ? s->pid :
								    ours->args[i];
	if (good && loop)
		good = run_side_start(r, raw) && (r->cpu[1] < 0 || program_move(&raw->program, r->cpu[1]));
	if (good)
		good = raw ? run_sides(r, ours, raw) : run_side(r, ours);
	else if (raw)
		program_end(&raw->program);
	return simulation_end(s) && good;
}

/* Ours has the simulation on cpu[1], where a bare loop is as well: who is asked runs there alone. */
static bool on_simulation(struct run *r, struct side *ours, struct side *raw)
{
	return on_this_simulation(r, &(struct simulation){ 0 }, ours, raw);
}

static bool measure_free(struct run *r, const char *how, const char *name)
{
	struct side ours = { .args = { "ase-free", "CONTROL", r->quick ? "20" : "200", how }, .numbers = 1 };
	struct side raw = { .raw = bare, .args = { r->quick ? "20000" : "1000000" }, .numbers = 2 };

	if (!on_simulation(r, &ours, &raw))
		return false;
	run_row(r, name, "ns", ours.median[0], raw.median[0], no_limit);
	return true;
}

static bool measure_clock(struct run *r)
{
	return measure_free(r, "alone", "cycle-free") && measure_free(r, "open", "cycle-connected");
}

static bool measure_busy(struct run *r)
{
	struct side ours = { .args = { "ase-copy", "4194304", r->quick ? "1" : "10" }, .numbers = 3 };
	struct side raw = { .raw = bare,
			    .args = { COPY_LINES, SOURCE, DESTINATION, LINES, START },
			    .numbers = 2 };

	if (!on_simulation(r, &ours, &raw))
		return false;
	if (raw.median[1] < 1.9) /* a line is read and one written in each cycle */
		return bench_fail("the bare loop is not that of a copy engine: %s", bare);
	run_row(r, "cycle-busy", "ns", ours.median[2], raw.median[0], fast_enough);
	return true;
}

static bool measure_access(struct run *r, const char *subject, const char *name, bool asleep,
			   struct limit limit)
{
	const char *accesses = r->quick ? "50" : "5000";
	char other_cpu[12], p99[40];
	struct simulation s = { .asleep = asleep };
	struct side ours = { .args = { subject, accesses }, .numbers = 2 };
	struct side raw = { .raw = "pingpong",
			    .args = { accesses, other_cpu, asleep ? "asleep" : NULL },
			    .pinned = true,
			    .numbers = 2 };

	snprintf(other_cpu, sizeof(other_cpu), "%d", r->cpu[1]);
	snprintf(p99, sizeof(p99), "%s-p99", name);
	if (!on_this_simulation(r, &s, &ours, &raw))
		return false;
	run_row(r, name, "us", ours.median[0], raw.median[0], limit);
	run_row(r, p99, "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

static bool measure_accesses(struct run *r)
{
	const struct limit soon = { AT_MOST, 10 };

	return measure_access(r, "ase-read", "mmio-read", false, soon) &&
	       measure_access(r, "ase-write", "mmio-write", false, no_limit) &&
	       measure_access(r, "ase-read", "mmio-read-asleep", true, soon) &&
	       measure_access(r, "ase-write", "mmio-write-asleep", true, no_limit);
}

static bool measure_copy(struct run *r, const char *size, const char *bytes, const char *count,
			 bool has_target)
{
	const char *copies = r->quick ? "1" : count;
	struct side ours = { .args = { "ase-copy", bytes, copies }, .numbers = 3 };
	struct side raw = { .raw = "copy", .args = { bytes, copies }, .pinned = true, .numbers = 1 };
	double num = strtod(bytes, NULL);
	char name[40], cycles[48];

	snprintf(name, sizeof(name), "copy-%s", size);
	snprintf(cycles, sizeof(cycles), "copy-%s-cycles", size);
	if (!on_simulation(r, &ours, &raw))
		return false;
	/* 450 MB/s; 0.98 lines in a cycle */
	run_row(r, name, "us", ours.median[0], raw.median[0],
		has_target ? (struct limit){ AT_MOST, num / 450 } : no_limit);
	run_row(r, cycles, "cycles", ours.median[1], num / LINE,
		has_target ? (struct limit){ TIMES, 1 / 0.98 } : no_limit);
	return true;
}

static bool measure_copies(struct run *r)
{
	return measure_copy(r, "64B", "64", "1000", false) && measure_copy(r, "4KiB", "4096", "500", false) &&
	       measure_copy(r, "64KiB", "65536", "100", false) &&
	       measure_copy(r, "1MiB", "1048576", "20", false) &&
	       measure_copy(r, "4MiB", "4194304", "10", true);
}

static bool measure_rest(struct run *r, const char *how, const char *name)
{
	const char *ms = r->quick ? "100" : "1000";
	struct side ours = { .args = { "ase-rest", "CONTROL", ms, how, "PID" }, .numbers = 1 };

	r->rounds = r->quick ? 1 : 3;
	if (!on_simulation(r, &ours, NULL))
		return false;
	run_row(r, name, "us", ours.median[0], 0, (struct limit){ AT_MOST, 0 });
	return true;
}

static bool measure_idle(struct run *r)
{
	return measure_rest(r, "alone", "idle-alone") && measure_rest(r, "open", "idle-connected");
}

/* ---- all ---- */

/* What the user has set must not lead to another simulation, nor into the simulation's own settings. */
static void forget_settings(void)
{
	static const char *const names[] = { "OPAE_ASE_SOCKET", "OPAE_ASE_EXEC", "ASE_WORKDIR",
					     "WITH_ASE",	"ASE_CONFIG",	 "ASE_LOG",
					     "ASE_WAVE",	"ASE_SCRIPT" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

bool bench_ase(const struct bench_ase_options *o, struct bench_report *report)
{
	static const struct part parts[] = { { NULL, "how long the design takes to build", prepare },
					     { "cycle", "the clock", measure_clock },
					     { "cycle-busy", "the clock of who works", measure_busy },
					     { "mmio", "register accesses", measure_accesses },
					     { "copy", "copies", measure_copies },
					     { "idle", "idle simulations", measure_idle },
					     { "build", "building", measure_build } };
	struct run r = { .quick = o->quick, .only = o->only, .report = report };

	options = *o;
	memset(report, 0, sizeof(*report));
	forget_settings();
	return run_all(&r, parts, sizeof(parts) / sizeof(parts[0]));
}
