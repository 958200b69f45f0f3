/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/remote-connect.h"

#include <stdio.h>

#include "base/clock.h"
#include "bench/stats.h"
#include "bench/wait.h"
#include "bench/ways.h"

#define START_NS (60 * NS_PER_S)

static const struct cards_kind bench_mapped = { "bench", "map", NULL };

/* ---- the beginning of a session ---- */

#define READY_MS 15

static bool connections_by(struct run *r, enum way way)
{
	struct names names = names_of("connect", way);
	const char *count = r->quick ? "3" : "100";
	char address[CARDS_DIR_MAX + 32], cpu[12];
	struct side ours = { .args = { "connect", count, address, way == WAY_TLS ? r->site : "" },
			     .numbers = 2,
			     .pinned = true };
	struct side raw = { .raw = "start", .args = { raw_socket(way), count, cpu }, .numbers = 2,
			    .pinned = true };
	const struct limit limit = { AT_MOST, READY_MS };
	struct server server;
	bool good;

	if (!names_wanted(r, &names) || way == WAY_RDMA) /* `start` is a process for each; it has one ready */
		return true;
	other_cpu(r, cpu);
	good = server_start(r, &server, &bench_mapped, 1, true);
	server_address(&server, way, address, sizeof(address));
	good = good && run_sides(r, &ours, &raw);
	good = server_end(&server) && good;
	if (!good)
		return false;
	run_row(r, names.median, "ms", ours.median[0], raw.median[0], limit);
	run_row(r, names.p99, "ms", ours.median[1], raw.median[1], limit);
	return true;
}

bool measure_connections(struct run *r)
{
	return each_way_and_tls(r, connections_by);
}

/* ---- strangers ---- */

#define STRANGERS 1000u
#define CALM_NS (60 * NS_PER_S) /* for opaed to be rid of those that have gone */
#define LOOK_NS (10 * NS_PER_MS)

static bool start_strangers(struct program *p, const struct server *s, const char *num, const char *what)
{
	char port[12], line[64];
	const char *argv[] = { "opae", "bench", "strangers", port, num, what, NULL };

	snprintf(port, sizeof(port), "%u", s->tls_port);
	return program_start(p, "strangers", "/proc/self/exe", argv, &(struct program_frame){ .cpu = -1 }) &&
	       program_line(p, line, sizeof(line), clock_deadline(START_NS));
}

/* Until there are no more of its processes than the monitor and the session's worker. */
static bool await_calm(const struct server *s)
{
	int64_t deadline = clock_deadline(CALM_NS);
	pid_t pids[3];

	while (server_processes(s, pids, 3) > 2) {
		if (clock_now_ns() >= deadline)
			return bench_fail("opaed has workers for strangers that have gone");
		if (wait_for(NULL, 0, clock_deadline(LOOK_NS)))
			return bench_fail("interrupted");
	}
	return true;
}

static bool beside_strangers(struct side *ours, const struct server *s, const char *num, const char *what,
			     double *numbers)
{
	struct program strangers = { .pid = 0 };
	bool good = start_strangers(&strangers, s, num, what) && program_ask(&ours->program, numbers, 2);

	return program_end(&strangers) && good && await_calm(s);
}

static bool strangers_rounds(struct run *r, struct side *ours, const struct server *s, const char *what,
			     double median[2])
{
	double numbers[2][ROUNDS];
	char num[12];

	snprintf(num, sizeof(num), "%u", r->quick ? STRANGERS / 50 : STRANGERS);
	for (unsigned int turn = 0; turn < 2 * r->rounds; turn++) {
		bool with = (turn + turn / 2) % 2;
		double got[2];

		if (!run_side_start(r, ours) ||
		    !(with ? beside_strangers(ours, s, num, what, got) : program_ask(&ours->program, got, 2)))
			return false;
		numbers[with][turn / 2] = got[1];
	}
	for (int i = 0; i < 2; i++)
		median[i] = stats_percentile(numbers[i], r->rounds, 50);
	return true;
}

static bool strangers_that(struct run *r, const char *what)
{
	char config[CONFIG_MAX], row[40];
	struct side ours = { .args = { "call", r->quick ? "50" : "50000" }, .config = config, .numbers = 2 };
	struct server server;
	double median[2];
	bool good;

	snprintf(row, sizeof(row), "strangers-%s-tls-p99", what);
	if (!run_wants(r, row))
		return true;
	r->rounds = r->quick ? 1 : 5;
	good = server_start(r, &server, &bench_mapped, 1, false) &&
	       server_client_config(r, &server, WAY_TLS, "", config, sizeof(config)) &&
	       strangers_rounds(r, &ours, &server, what, median);
	good = program_end(&ours.program) && good;
	good = server_end(&server) && good;
	if (good)
		run_row(r, row, "us", median[1], median[0], (struct limit){ TIMES, 2 });
	return good;
}

bool measure_strangers(struct run *r)
{
	return !ways_wanted[WAY_TLS] || (strangers_that(r, "silent") && strangers_that(r, "begun"));
}
