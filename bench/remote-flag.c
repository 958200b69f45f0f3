/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/remote-flag.h"

#include <stdio.h>

#include "bench/remote-memory.h"
#include "bench/ways.h"

/* Three processes: the program's, the worker and the card, with its registers by message. */
static const struct cards_kind card = { "bench", "trap", NULL };

static const struct limit no_limit = { NO_LIMIT, 0 };

/* The rows with a device in the worker's memory, then those with the card. */
static bool with_servers(struct run *r, enum way way, bool (*measure)(const struct place *p, bool with_card))
{
	bool good = true;

	for (int with_card = 0; good && with_card < 2; with_card++) {
		struct server server;

		good = (with_card ? server_start(r, &server, &card, 1, true) :
				    server_start_device(r, &server)) &&
		       measure(&(struct place){ r, &server, way }, with_card);
		good = server_end(&server) && good;
	}
	return good;
}

/* ---- flags ---- */

#define FLAG_TIMES 2
#define FLAG_PLUS_US 20

static const struct {
	const char *name, *from, *spread, *count;
	bool card, eager, target;
} flags[] = { { "flag", "100", "500", "100", false, false, true },
	      { "flag-late", "20000", "5000", "8", false, false, false },
	      { "flag-card", "100", "500", "100", true, false, false },
	      { "flag-eager", "100", "500", "100", false, true, false } };

static bool flag(const struct place *p, size_t i)
{
	struct names names = names_of(flags[i].name, p->way);
	const char *raw_count = p->run->quick ? "5" : "500", *count = p->run->quick ? "3" : flags[i].count;
	char cpu[12];
	struct side ours = { .args = { "flag", count, flags[i].from, flags[i].spread }, .numbers = 2 };
	struct side raw = { .raw = "deliver", .args = { way_names[p->way], "64", "0", raw_count, cpu },
			    .numbers = 2 };
	struct limit limit = no_limit;

	if (!names_wanted(p->run, &names) || (!memory_can_trap() && !flags[i].eager))
		return true;
	other_cpu(p->run, cpu);
	if (!memory_sides(p, flags[i].eager, &ours, &raw))
		return false;
	if (flags[i].target)
		limit = (struct limit){ AT_MOST, FLAG_TIMES * raw.median[0] + FLAG_PLUS_US };
	run_row(p->run, names.median, "us", ours.median[0], raw.median[0], limit);
	run_row(p->run, names.p99, "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

static bool flags_of(const struct place *p, bool with_card)
{
	bool good = true;

	for (size_t i = 0; good && i < sizeof(flags) / sizeof(flags[0]); i++)
		good = flags[i].card != with_card || flag(p, i);
	return good;
}

static bool flags_by(struct run *r, enum way way)
{
	return with_servers(r, way, flags_of);
}

bool measure_flags(struct run *r)
{
	return each_way(r, flags_by);
}

/* ---- jobs ---- */

static const struct {
	const char *name, *how;
	bool card, eager;
	double times; /* the target, of the raw round trip; 0: none */
} jobs[] = { { "job", "memory", false, false, 3 },
	     { "job-register", "register", false, false, 3 },
	     { "job-card", "memory", true, false, 0 },
	     { "job-register-card", "register", true, false, 0 },
	     { "job-eager", "memory", false, true, 0 },
	     { "job-register-eager", "register", false, true, 0 } };

static bool job(const struct place *p, size_t i)
{
	struct names names = names_of(jobs[i].name, p->way);
	const char *count = p->run->quick ? "5" : "200";
	char cpu[12];
	struct side ours = { .args = { "job", count, jobs[i].how }, .numbers = 1 };
	struct side raw = { .raw = "exchange", .args = { way_names[p->way], "64", "64", count, cpu },
			    .numbers = 1 };

	if (!run_wants(p->run, names.median) || (!memory_can_trap() && !jobs[i].eager))
		return true;
	other_cpu(p->run, cpu);
	if (!memory_sides(p, jobs[i].eager, &ours, &raw))
		return false;
	run_row(p->run, names.median, "us", ours.median[0], raw.median[0],
		jobs[i].times > 0 ? (struct limit){ TIMES, jobs[i].times } : no_limit);
	return true;
}

static bool jobs_of(const struct place *p, bool with_card)
{
	bool good = true;

	for (size_t i = 0; good && i < sizeof(jobs) / sizeof(jobs[0]); i++)
		good = jobs[i].card != with_card || job(p, i);
	return good;
}

static bool jobs_by(struct run *r, enum way way)
{
	return with_servers(r, way, jobs_of);
}

bool measure_jobs(struct run *r)
{
	return each_way(r, jobs_by);
}
