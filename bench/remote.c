/* SPDX-License-Identifier: BSD-3-Clause */
/* What is measured of the remote path, and against what. docs/benchmark.md tells what each row means. */
#include "bench/remote.h"

#include <stdio.h>
#include <string.h>

#include "bench/remote-connect.h"
#include "bench/remote-flag.h"
#include "bench/remote-many.h"
#include "bench/remote-memory.h"
#include "bench/site.h"
#include "bench/ways.h"

static const struct cards_kind bench_mapped = { "bench", "map", NULL };
/* Its registers by message: how long a card naps between two looks at mapped ones is not what is measured. */
static const struct cards_kind script = { "script", "trap", NULL };

static const struct limit no_limit = { NO_LIMIT, 0 };

/* ---- register accesses ---- */

static bool read_by(struct run *r, enum way way)
{
	struct names names = names_of("mmio-read", way);
	const char *count = r->quick ? "50" : "20000";
	char cpu[12];
	struct side ours = { .args = { "call", count }, .numbers = 2 };
	struct side raw = { .raw = raw_exchange(way), .args = { raw_socket(way), "32", "32", count, cpu },
			    .numbers = 2 };

	other_cpu(r, cpu);
	if (!names_wanted(r, &names))
		return true;
	if (!beside_raw(r, way, &bench_mapped, "", &ours, &raw))
		return false;
	run_row(r, names.median, "us", ours.median[0], raw.median[0], (struct limit){ TIMES, 1.25 });
	run_row(r, names.p99, "us", ours.median[1], raw.median[1], (struct limit){ TIMES, 1.5 });
	return true;
}

static bool measure_reads(struct run *r)
{
	return each_way_and_tls(r, read_by);
}

static bool writes_by(struct run *r, enum way way)
{
	struct names names = names_of("mmio-write", way);
	const char *count = r->quick ? "500" : "1000000";
	char cpu[12];
	struct side ours = { .args = { "post", count }, .numbers = 1 };
	struct side raw = { .raw = "coalesce", .args = { raw_socket(way), count, cpu }, .numbers = 1 };

	other_cpu(r, cpu);
	if (!run_wants(r, names.median))
		return true;
	if (!beside_raw(r, way, &bench_mapped, "", &ours, &raw))
		return false;
	run_row(r, names.median, "ns", ours.median[0], raw.median[0], (struct limit){ AT_MOST, 125 });
	return true;
}

static bool measure_writes(struct run *r)
{
	return each_way(r, writes_by);
}

/* Ours is told which process the card is, so the server comes first. */
static bool last_write(struct run *r, enum way way, const char *what, const char *pause_us,
		       struct limit limit)
{
	struct names names = names_of(what, way);
	const char *count = r->quick ? "5" : "500";
	char config[CONFIG_MAX], card[16], cpu[12];
	struct side ours = { .args = { "last", count, pause_us, card }, .config = config, .numbers = 2,
			     .pinned = true };
	struct side raw = { .raw = "deliver", .args = { raw_socket(way), "224", pause_us, count, cpu },
			    .numbers = 2, .pinned = true };
	struct server server;
	bool good;

	if (!names_wanted(r, &names))
		return true;
	other_cpu(r, cpu);
	good = server_start(r, &server, &bench_mapped, 1, true) &&
	       server_client_config(r, &server, way, "", config, sizeof(config));
	snprintf(card, sizeof(card), "%d", good ? (int)server.cards.card[0].pid : 0);
	good = good && run_sides(r, &ours, &raw);
	good = server_end(&server) && good;
	if (!good)
		return false;
	run_row(r, names.median, "us", ours.median[0], raw.median[0], limit);
	run_row(r, names.p99, "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

static bool last_by(struct run *r, enum way way)
{
	return last_write(r, way, "last-write", "0", (struct limit){ AT_MOST, 50 }) &&
	       last_write(r, way, "last-write-asleep", "2000", no_limit);
}

static bool measure_last(struct run *r)
{
	return each_way_and_tls(r, last_by);
}

static bool event_by(struct run *r, enum way way)
{
	struct names names = names_of("event", way);
	const char *count = r->quick ? "5" : "200";
	char cpu[12];
	struct side ours = { .args = { "interrupt", count }, .numbers = 2 };
	struct side raw = { .raw = "relay", .args = { raw_socket(way), count, cpu }, .numbers = 2 };

	if (!names_wanted(r, &names))
		return true;
	other_cpu(r, cpu);
	if (!beside_raw(r, way, &script, "", &ours, &raw))
		return false;
	run_row(r, names.median, "us", ours.median[0], raw.median[0], no_limit);
	run_row(r, names.p99, "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

static bool measure_events(struct run *r)
{
	return each_way_and_tls(r, event_by);
}

/* ---- buffers ---- */

static const struct {
	const char *name, *bytes, *count;
	bool target;
} sizes[] = { { "4KiB", "4096", "500", false },
	      { "64KiB", "65536", "200", false },
	      { "1MiB", "1048576", "50", true },
	      { "16MiB", "16777216", "5", true },
	      { "64MiB", "67108864", "2", true } };

static bool move_by(struct run *r, enum way way, bool push)
{
	bool good = true;
	char cpu[12];

	other_cpu(r, cpu);
	for (size_t i = 0; good && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *count = r->quick ? "1" : sizes[i].count, *what = push ? "push" : "pull";
		struct side ours = { .args = { "move", what, sizes[i].bytes, count }, .numbers = 1 };
		struct side raw = { .raw = raw_exchange(way), .numbers = 1,
				    .args = { raw_socket(way), push ? sizes[i].bytes : "1",
					      push ? "1" : sizes[i].bytes, count, cpu } };
		char name[40];

		snprintf(name, sizeof(name), "%s-%s-%s", what, sizes[i].name, way_names[way]);
		if (!run_wants(r, name) || (r->quick && i > 1))
			continue;
		good = beside_raw(r, way, &bench_mapped, ", \"buffers\": \"explicit\"", &ours, &raw);
		/* in time: 0.9 x the speed is 1 / 0.9 x the time */
		run_row(r, name, "us", ours.median[0], raw.median[0],
			sizes[i].target ? (struct limit){ TIMES, 1 / 0.9 } : no_limit);
	}
	return good;
}

static bool push_by(struct run *r, enum way way)
{
	return move_by(r, way, true);
}

static bool pull_by(struct run *r, enum way way)
{
	return move_by(r, way, false);
}

static bool measure_pushes(struct run *r)
{
	return each_way_and_tls(r, push_by);
}

static bool measure_pulls(struct run *r)
{
	return each_way_and_tls(r, pull_by);
}

/* One process, one connection, two accelerators; it and the server share the machine as they like. */
static bool beside_push_by(struct run *r, enum way way)
{
	struct names names = names_of("read-beside-push", way);
	const char *count = r->quick ? "50" : "20000", *times = r->quick ? "1" : "16";
	const char *bytes = r->quick ? "1048576" : "67108864";
	char config[CONFIG_MAX];
	struct side ours = { .args = { "beside", count, bytes, times }, .config = config, .numbers = 3 };
	struct server server;
	bool good;

	if (!names_wanted(r, &names))
		return true;
	good = server_start(r, &server, &bench_mapped, 2, false) &&
	       server_client_config(r, &server, way, ", \"buffers\": \"explicit\"", config,
				    sizeof(config)) &&
	       run_side(r, &ours);
	good = server_end(&server) && good;
	if (good)
		run_row(r, names.p99, "us", ours.median[0], ours.median[1], (struct limit){ TIMES, 3 });
	return good;
}

static bool measure_beside_push(struct run *r)
{
	return each_way(r, beside_push_by);
}

/* ---- many, and nothing to do ---- */

static bool sessions_by(struct run *r, enum way way)
{
	return way == WAY_RDMA || measure_sessions(r, way); /* workers for it are ready one at a time */
}

static bool measure_all_sessions(struct run *r)
{
	return each_way(r, sessions_by);
}

static bool quiet_by(struct run *r, enum way way)
{
	return measure_quiet(r, way, &script);
}

static bool measure_all_quiet(struct run *r)
{
	return each_way(r, quiet_by);
}

/* ---- all ---- */

static bool make_site(struct run *r)
{
	return !ways_wanted[WAY_TLS] || site_make(r);
}

static const struct part parts[] = {
	{ NULL, "nothing: certificates are made", make_site },
	{ "mmio-read", "register reads", measure_reads },
	{ "mmio-write", "posted register writes", measure_writes },
	{ "last-write", "the last of some writes", measure_last },
	{ "event", "events", measure_events },
	{ "push", "pushes", measure_pushes },
	{ "pull", "pulls", measure_pulls },
	{ "memory", "buffers that behave like memory", measure_memory },
	{ "doorbell", "register writes beside buffers", measure_doorbells },
	{ "flag", "flags that a program polls", measure_flags },
	{ "job", "small jobs", measure_jobs },
	{ "read-beside-push", "register reads during a push", measure_beside_push },
	{ "enumerate", "the enumeration of many hosts", measure_hosts },
	{ "session", "many sessions", measure_all_sessions },
	{ "quiet", "quiet sessions", measure_all_quiet },
	{ "connect", "the beginning of a session", measure_connections },
	{ "strangers", "register reads beside strangers", measure_strangers },
};

const char *bench_remote_names(void)
{
	return "mmio-read, mmio-write, last-write, event, push, pull, memory, doorbell, "
	       "flag, job, read-beside-push, enumerate, session, quiet, connect, strangers";
}

/* Does each name begin with that of a part? */
static bool known(const char *only)
{
	for (; only; only = strchr(only, ',') ? strchr(only, ',') + 1 : NULL) {
		bool found = false;

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			found = found || (parts[i].name &&
					  !strncmp(only, parts[i].name, strlen(parts[i].name)));
		if (!found)
			return bench_fail("there is no row '%.*s'; rows begin with %s",
					  (int)strcspn(only, ","), only, bench_remote_names());
	}
	return true;
}

bool bench_remote(const struct bench_remote_options *o, struct bench_report *report)
{
	struct run r = {
		.quick = o->quick, .rdma = o->by_rdma, .only = o->only, .report = report
	};

	ways_wanted[WAY_UNIX] = o->by_unix;
	ways_wanted[WAY_TCP] = o->by_tcp;
	ways_wanted[WAY_TLS] = o->by_tls;
	ways_wanted[WAY_RDMA] = o->by_rdma;
	memset(report, 0, sizeof(*report));
	if (o->by_tls && !BENCH_HAS_TLS)
		return bench_fail("this opae was built without TLS, which cannot be measured then; install "
				  "libssl-dev 3.0 or newer, and build with `meson setup -Dtls=enabled`");
	if (o->by_rdma && !BENCH_HAS_FABRIC)
		return bench_fail("this opae was built without RDMA, which cannot be measured then; install "
				  "libfabric-dev 1.14 or newer, and build with "
				  "`meson setup -Dfabric=enabled`");
	memory_find_tracker(&r);
	if (!known(o->only) || !run_all(&r, parts, sizeof(parts) / sizeof(parts[0])))
		return false;
	return report->num || bench_fail("none of these rows exists: %s", o->only);
}
