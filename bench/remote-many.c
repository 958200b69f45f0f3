/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/remote-many.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/hosts.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "bench/wait.h"

#define START_NS (60 * NS_PER_S)

/* This program in another role; says in a line when it is ready. */
static bool start_role(struct program *p, const char *role, const char *arg, const char *number, char *line,
		       size_t len)
{
	const char *argv[] = { "opae", "bench", role, arg, number, NULL };

	return program_start(p, role, "/proc/self/exe", argv, &(struct program_frame){ .cpu = -1 }) &&
	       program_line(p, line, len, clock_deadline(START_NS));
}

/* ---- hosts ---- */

#define HOSTS 100u
#define SLOW_MS 300
#define PATIENCE_MS 1000.0 /* how long a first enumeration waits for who was never heard */

static bool hosts_config(struct run *r, unsigned int num, unsigned int port, char *setting, size_t len)
{
	static char list[HOSTS_MAX * 48];
	size_t at = 0;

	for (unsigned int i = 0; i < num; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at,
				       "%s{\"host\": \"" HOSTS_ADDRESS "\", \"port\": %u}", i ? ", " : "",
				       HOSTS_FIRST + i, port);
	return client_config(r, list, r->quick ? ", \"connect_ms\": 3000" : "", setting, len);
}

/* The stub tells after each round how long its slowest live host took, which is what ours is held against. */
static bool hosts_rounds(struct run *r, struct side *ours, struct program *stub, double median[4])
{
	double numbers[4][ROUNDS];

	for (unsigned int i = 0; i < r->rounds; i++) {
		double own[SIDE_NUMBERS], theirs[2];

		if (!run_side_once(r, ours, own) || !program_ask(stub, theirs, 2))
			return false;
		numbers[0][i] = own[0];
		numbers[1][i] = own[1];
		numbers[2][i] = theirs[0];
		numbers[3][i] = theirs[1];
	}
	for (unsigned int i = 0; i < 4; i++)
		median[i] = stats_percentile(numbers[i], r->rounds, 50);
	return true;
}

static bool hosts_measured(struct run *r, struct program *stub, unsigned int num, double median[4])
{
	char config[CONFIG_MAX], num_text[12], slow[12], live[12], line[64];
	struct side ours = { .args = { "hosts", live, r->quick ? "1" : "5" }, .config = config,
			     .numbers = 2 };
	unsigned int port;

	snprintf(num_text, sizeof(num_text), "%u", num);
	snprintf(slow, sizeof(slow), "%u", SLOW_MS);
	snprintf(live, sizeof(live), "%u", hosts_live(num));
	if (!start_role(stub, "hosts", num_text, slow, line, sizeof(line)))
		return false;
	if (sscanf(line, "hosts on port %u", &port) != 1)
		return bench_fail("the hosts say: %s", line);
	return hosts_config(r, num, port, config, sizeof(config)) && hosts_rounds(r, &ours, stub, median);
}

bool measure_hosts(struct run *r)
{
	unsigned int num = r->quick ? 10 : HOSTS;
	struct program stub = { .pid = 0 };
	double median[4];
	char row[40];
	bool good;

	r->rounds = r->quick ? 1 : 5;
	good = hosts_measured(r, &stub, num, median);
	good = program_end(&stub) && good;
	if (!good)
		return false;
	snprintf(row, sizeof(row), "enumerate-%u-first", num);
	run_row(r, row, "ms", median[0], median[2],
		(struct limit){ AT_MOST, (median[2] > PATIENCE_MS ? median[2] : PATIENCE_MS) + 50 });
	snprintf(row, sizeof(row), "enumerate-%u-later", num);
	run_row(r, row, "ms", median[1], median[3], (struct limit){ AT_MOST, 1.2 * median[3] + 20 });
	return true;
}

/* ---- sessions ---- */

#define SESSIONS 200u
#define BUSY 16u
#define MAX_WORKERS (SESSIONS + 8)

static const struct cards_kind bench_mapped = { "bench", "map", NULL };

struct many {
	struct run *run;
	struct server server;
	char config[CONFIG_MAX];
	unsigned int num_busy, num_idle;
	struct side busy[BUSY];
	char which[BUSY][12], of[12];
	struct program crowd;
	double alone, among, pss; /* of one round */
};

static double pss_mib(pid_t pid)
{
	char path[40], line[128];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return (double)kib / 1024;
}

static void prepare_busy(struct many *m)
{
	snprintf(m->of, sizeof(m->of), "%u", m->num_busy);
	for (unsigned int i = 0; i < m->num_busy; i++) {
		snprintf(m->which[i], sizeof(m->which[i]), "%u", i);
		m->busy[i] = (struct side){ .args = { "paced", m->run->quick ? "10" : "2000", m->of,
						      m->which[i] },
					    .config = m->config,
					    .numbers = 2 };
	}
}

/* The first session while there is no other. */
static bool ask_alone(struct many *m)
{
	double numbers[2];

	if (!run_side_start(m->run, &m->busy[0]) || !program_ask(&m->busy[0].program, numbers, 2))
		return false;
	m->alone = numbers[1];
	return true;
}

/* All that are busy, at the same time; the median one counts. */
static bool ask_among(struct many *m)
{
	double p99[BUSY];

	for (unsigned int i = 0; i < m->num_busy; i++)
		if (!run_side_start(m->run, &m->busy[i]))
			return false;
	/* A first go of all, for what only a first one does; then the one that counts. */
	for (unsigned int go = 0; go < 2; go++) {
		for (unsigned int i = 0; i < m->num_busy; i++)
			if (!program_go(&m->busy[i].program))
				return false;
		for (unsigned int i = 0; i < m->num_busy; i++) {
			double numbers[2];

			if (!program_answer(&m->busy[i].program, numbers, 2))
				return false;
			p99[i] = numbers[1];
		}
	}
	m->among = stats_percentile(p99, m->num_busy, 50);
	return true;
}

/* The workers of the crowd, which are those that were not there before it. */
static bool start_crowd(struct many *m, enum way way)
{
	pid_t before[MAX_WORKERS], now[MAX_WORKERS];
	unsigned int num_before = server_processes(&m->server, before, MAX_WORKERS), num, idle = 0;
	char address[CARDS_DIR_MAX + 32], num_text[12], line[64];
	double pss[MAX_WORKERS];

	server_address(&m->server, way, address, sizeof(address));
	snprintf(num_text, sizeof(num_text), "%u", m->num_idle);
	if (!start_role(&m->crowd, "crowd", address, num_text, line, sizeof(line)))
		return false;
	num = server_processes(&m->server, now, MAX_WORKERS);
	for (unsigned int i = 0; i < num; i++) {
		bool old = false;

		for (unsigned int j = 0; j < num_before; j++)
			old = old || now[i] == before[j];
		if (!old)
			pss[idle++] = pss_mib(now[i]);
	}
	if (idle < m->num_idle)
		return bench_fail("%u sessions have %u workers", m->num_idle, idle);
	m->pss = stats_percentile(pss, idle, 50);
	return true;
}

static bool one_round(struct many *m, enum way way)
{
	bool good;

	m->crowd.pid = 0;
	prepare_busy(m);
	good = server_start(m->run, &m->server, &bench_mapped, m->num_busy, false) &&
	       server_client_config(m->run, &m->server, way, "", m->config, sizeof(m->config)) &&
	       ask_alone(m) && start_crowd(m, way) && ask_among(m);
	for (unsigned int i = 0; i < m->num_busy; i++)
		good = program_end(&m->busy[i].program) && good;
	good = program_end(&m->crowd) && good;
	return server_end(&m->server) && good;
}

/* A process of one file that has a connection, and sleeps. */
static bool raw_pss(struct run *r, double *mib)
{
	struct side raw = { .raw = "exchange", .args = { "unix", "1", "1", "1", "-1" }, .numbers = 2 };
	double numbers[2];
	bool good = run_side_start(r, &raw) && program_ask(&raw.program, numbers, 2);

	*mib = good ? pss_mib(raw.program.pid) : 0;
	return program_end(&raw.program) && good;
}

bool measure_sessions(struct run *r, enum way way)
{
	static struct many m;
	double alone[ROUNDS], among[ROUNDS], pss[ROUNDS], raw;
	char row[2][40];

	m = (struct many){ .run = r, .num_busy = r->quick ? 2 : BUSY,
			   .num_idle = r->quick ? 2 : SESSIONS - BUSY };
	snprintf(row[0], sizeof(row[0]), "session-of-%u-%s-p99", m.num_busy + m.num_idle, way_names[way]);
	snprintf(row[1], sizeof(row[1]), "session-idle-pss-%s", way_names[way]);
	if (!run_wants(r, row[0]) && !run_wants(r, row[1]))
		return true;
	r->rounds = r->quick ? 1 : 3;
	for (unsigned int i = 0; i < r->rounds; i++) {
		if (!one_round(&m, way))
			return false;
		alone[i] = m.alone;
		among[i] = m.among;
		pss[i] = m.pss;
	}
	if (!raw_pss(r, &raw))
		return false;
	run_row(r, row[0], "us", stats_percentile(among, r->rounds, 50),
		stats_percentile(alone, r->rounds, 50), (struct limit){ TIMES, 2 });
	run_row(r, row[1], "MiB", stats_percentile(pss, r->rounds, 50), raw, (struct limit){ AT_MOST, 4 });
	return true;
}

/* ---- silence ---- */

#define QUIET_MS 2000
#define MARGIN_NS (200 * NS_PER_MS) /* the server is looked at inside of what the client looks at itself */
#define MAX_PROCESSES 16

/* Nanoseconds of CPU that the daemon's processes have used. */
static double server_cpu_ns(const struct server *s)
{
	pid_t pids[MAX_PROCESSES];
	unsigned int num = server_processes(s, pids, MAX_PROCESSES);
	double sum = 0;

	for (unsigned int i = 0; i < num; i++) {
		struct timespec ts;
		clockid_t clock;

		if (!clock_getcpuclockid(pids[i], &clock) && !clock_gettime(clock, &ts))
			sum += (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
	}
	return sum;
}

static bool wait_ns(int64_t ns)
{
	return wait_for(NULL, 0, clock_deadline(ns)) == 0 || bench_fail("interrupted");
}

static bool quiet_round(struct run *r, struct side *ours, const struct server *s, double percent[2])
{
	double from, used;

	if (!run_side_start(r, ours) || !program_go(&ours->program) ||
	    !wait_ns(QUIET_AFTER_NS + MARGIN_NS))
		return false;
	from = (double)clock_now_ns();
	used = server_cpu_ns(s);
	if (!wait_ns((r->quick ? QUIET_MS / 10 : QUIET_MS) * NS_PER_MS - 2 * MARGIN_NS / (r->quick ? 4 : 1)))
		return false;
	percent[1] = (server_cpu_ns(s) - used) / ((double)clock_now_ns() - from) * 100;
	return program_answer(&ours->program, percent, 1);
}

bool measure_quiet(struct run *r, enum way way, const struct cards_kind *kind)
{
	char config[CONFIG_MAX], ms[12], row[2][40];
	struct side ours = { .args = { "quiet", ms }, .config = config, .numbers = 1 };
	double numbers[2][ROUNDS];
	struct server server;
	bool good;

	snprintf(row[0], sizeof(row[0]), "quiet-client-%s", way_names[way]);
	snprintf(row[1], sizeof(row[1]), "quiet-server-%s", way_names[way]);
	if (!run_wants(r, row[0]) && !run_wants(r, row[1]))
		return true;
	r->rounds = r->quick ? 1 : 3;
	snprintf(ms, sizeof(ms), "%d", r->quick ? QUIET_MS / 10 : QUIET_MS);
	good = server_start(r, &server, kind, 1, false) &&
	       server_client_config(r, &server, way, "", config, sizeof(config));
	for (unsigned int i = 0; good && i < r->rounds; i++) {
		double percent[2];

		good = quiet_round(r, &ours, &server, percent);
		numbers[0][i] = percent[0];
		numbers[1][i] = percent[1];
	}
	good = program_end(&ours.program) && good;
	good = server_end(&server) && good;
	for (unsigned int i = 0; good && i < 2; i++)
		run_row(r, row[i], "%", stats_percentile(numbers[i], r->rounds, 50), 100,
			(struct limit){ AT_MOST, 1 });
	return good;
}
