/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/remote-flag.h"

#include <stdio.h>

#include "bench/remote-memory.h"
#include "bench/ways.h"

/* Three processes: the program's, the worker and the card, with its registers by message. */
static const struct cards_kind card = { "bench", "trap", NULL };

static const struct limit no_limit = { NO_LIMIT, 0 };

struct row {
	const char *name;
	bool card, eager;
	double times; /* the target, of the raw time; 0: none */
	const char *args[3];
};

struct rows {
	const struct row *at;
	size_t num;
	bool (*measure)(const struct place *p, const struct row *row);
};

/* Those with a device in the worker's memory, then those with the card. */
static bool with_servers(struct run *r, enum way way, const struct rows *rows)
{
	bool good = true;

	for (int with_card = 0; good && with_card < 2; with_card++) {
		struct server server;
		const struct place place = { r, &server, way };

		good = with_card ? server_start(r, &server, &card, 1, true) : server_start_device(r, &server);
		for (size_t i = 0; good && i < rows->num; i++)
			good = rows->at[i].card != with_card || rows->measure(&place, &rows->at[i]);
		good = server_end(&server) && good;
	}
	return good;
}

/* ---- flags ---- */

#define FLAG_TIMES 2
#define FLAG_PLUS_US 20

/* From how long on the device waits, how much longer at most, and how often. */
static const struct row flag_rows[] = {
	{ "flag", false, false, FLAG_TIMES, { "100", "500", "100" } },
	{ "flag-late", false, false, 0, { "20000", "5000", "8" } },
	{ "flag-card", true, false, 0, { "100", "500", "100" } },
	{ "flag-eager", false, true, 0, { "100", "500", "100" } },
};

static bool flag(const struct place *p, const struct row *row)
{
	struct names names = names_of(row->name, p->way);
	const char *raw_count = p->run->quick ? "5" : "500", *count = p->run->quick ? "3" : row->args[2];
	char cpu[12];
	struct side ours = { .args = { "flag", count, row->args[0], row->args[1] }, .numbers = 2 };
	struct side raw = { .raw = "deliver", .args = { raw_socket(p->way), "64", "0", raw_count, cpu },
			    .numbers = 2 };
	struct limit limit = no_limit;

	if (!names_wanted(p->run, &names) || (!memory_can_trap() && !row->eager))
		return true;
	other_cpu(p->run, cpu);
	if (!memory_sides(p, row->eager, &ours, &raw))
		return false;
	if (row->times > 0)
		limit = (struct limit){ AT_MOST, row->times * raw.median[0] + FLAG_PLUS_US };
	run_row(p->run, names.median, "us", ours.median[0], raw.median[0], limit);
	run_row(p->run, names.p99, "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

static bool flags_by(struct run *r, enum way way)
{
	return with_servers(r, way,
			    &(struct rows){ flag_rows, sizeof(flag_rows) / sizeof(flag_rows[0]), flag });
}

bool measure_flags(struct run *r)
{
	return each_way(r, flags_by);
}

/* ---- jobs ---- */

/* By what the program waits. */
static const struct row job_rows[] = {
	{ "job", false, false, 3, { "memory" } },
	{ "job-register", false, false, 3, { "register" } },
	{ "job-card", true, false, 0, { "memory" } },
	{ "job-register-card", true, false, 0, { "register" } },
	{ "job-eager", false, true, 0, { "memory" } },
	{ "job-register-eager", false, true, 0, { "register" } },
};

static bool job(const struct place *p, const struct row *row)
{
	struct names names = names_of(row->name, p->way);
	const char *count = p->run->quick ? "5" : "200";
	char cpu[12];
	struct side ours = { .args = { "job", count, row->args[0] }, .numbers = 1 };
	struct side raw = { .raw = raw_exchange(p->way), .numbers = 1,
			    .args = { raw_socket(p->way), "64", "64", count, cpu } };

	if (!run_wants(p->run, names.median) || (!memory_can_trap() && !row->eager))
		return true;
	other_cpu(p->run, cpu);
	if (!memory_sides(p, row->eager, &ours, &raw))
		return false;
	run_row(p->run, names.median, "us", ours.median[0], raw.median[0],
		row->times > 0 ? (struct limit){ TIMES, row->times } : no_limit);
	return true;
}

static bool jobs_by(struct run *r, enum way way)
{
	return with_servers(r, way,
			    &(struct rows){ job_rows, sizeof(job_rows) / sizeof(job_rows[0]), job });
}

bool measure_jobs(struct run *r)
{
	return each_way(r, jobs_by);
}
