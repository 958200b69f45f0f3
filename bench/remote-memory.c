/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/remote-memory.h"

#include <stdio.h>

#include "bench/ways.h"
#include "track/track.h"

/* By message: a card that maps its registers naps between two looks at them. */
static const struct cards_kind script = { "script", "trap", NULL };

static const char trap_config[] = ", \"tracker\": \"trap\"";
static const char eager_config[] = ", \"tracker\": \"eager\"";

static const struct limit no_limit = { NO_LIMIT, 0 };

static bool can_trap;

void memory_find_tracker(struct run *r)
{
	struct tracker *tr;
	char why[TRACK_WHY_MAX];

	can_trap = !tracker_new(0, &tr, why);
	if (can_trap)
		tracker_free(tr);
	snprintf(r->report->tracker, sizeof(r->report->tracker), can_trap ? "trap" : "eager: %s", why);
}

bool memory_can_trap(void)
{
	return can_trap;
}

/* ---- loads and stores ---- */

static const struct {
	const char *name, *bytes, *count;
	bool stream;	 /* long enough for a target */
	bool quick, eager; /* is measured then, too */
} sizes[] = { { "4KiB", "4096", "100", false, true, true },
	      { "64KiB", "65536", "50", false, false, true },
	      { "1MiB", "1048576", "10", true, false, true },
	      { "16MiB", "16777216", "2", true, false, false },
	      { "64MiB", "67108864", "1", true, false, false } };

bool memory_sides(const struct place *p, bool eager, struct side *a, struct side *b)
{
	char config[CONFIG_MAX];

	a->config = b->config = config;
	a->pinned = b->pinned = true;
	return server_client_config(p->run, p->server, p->way, eager ? eager_config : trap_config, config,
				    sizeof(config)) &&
	       run_sides(p->run, a, b);
}

/* out: the bytes go there, as they do when the program writes. Medians of ours and of the raw stream. */
static bool beside_stream(const struct place *p, bool eager, struct side *ours, const char *bytes, bool out,
			  double median[2])
{
	char cpu[12];
	struct side raw = { .raw = raw_exchange(p->way), .numbers = 1,
			    .args = { raw_socket(p->way), out ? bytes : "1", out ? "1" : bytes, ours->args[3],
				      cpu } };

	other_cpu(p->run, cpu);
	if (!memory_sides(p, eager, ours, &raw))
		return false;
	median[0] = ours->median[0];
	median[1] = raw.median[0];
	return true;
}

/* Is it to be measured of buffers of this size? */
static bool has_size(const struct run *r, size_t i, bool eager)
{
	return (!r->quick || sizes[i].quick) && (eager ? sizes[i].eager : can_trap);
}

/* speed: the target, of the raw stream's; 0: none. */
static bool sequence(const struct place *p, const char *kind, bool out, double speed, bool eager)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *count = p->run->quick ? "1" : sizes[i].count;
		struct side ours = { .args = { "memory", kind, sizes[i].bytes, count }, .numbers = 1 };
		double median[2];
		char name[40];

		snprintf(name, sizeof(name), "memory-%s-%s-%s%s", kind, sizes[i].name, eager ? "eager-" : "",
			 way_names[p->way]);
		if (!run_wants(p->run, name) || !has_size(p->run, i, eager))
			continue;
		if (!beside_stream(p, eager, &ours, sizes[i].bytes, out, median))
			return false;
		/* in time: half the speed is twice the time */
		run_row(p->run, name, "us", median[0], median[1],
			sizes[i].stream && speed > 0 ? (struct limit){ TIMES, 1 / speed } : no_limit);
	}
	return true;
}

/* One page, at places that nobody can guess. */
static bool at_random(const struct place *p, const char *kind, bool out)
{
	bool quick = p->run->quick;
	const char *bytes = quick ? "1048576" : "67108864", *count = quick ? "20" : "200";
	struct side ours = { .args = { "memory", kind, bytes, count }, .numbers = 1 };
	double median[2];
	char name[40];

	snprintf(name, sizeof(name), "memory-%s-%s", kind, way_names[p->way]);
	if (!run_wants(p->run, name) || !can_trap)
		return true;
	if (!beside_stream(p, false, &ours, "4096", out, median))
		return false;
	run_row(p->run, name, "us", median[0], median[1], no_limit);
	return true;
}

static bool memory_at(const struct place *p)
{
	return sequence(p, "read", false, 0.5, false) && sequence(p, "write", true, 0.4, false) &&
	       sequence(p, "input", true, 0.6, false) && at_random(p, "read-random", false) &&
	       at_random(p, "write-random", true) && sequence(p, "write", true, 0, true);
}

/* With cards of its own. */
static bool with_server(struct run *r, enum way way, unsigned int cards,
			bool (*measure)(const struct place *p))
{
	struct server server;
	bool good = server_start(r, &server, &script, cards, true) &&
		    measure(&(struct place){ r, &server, way });

	return server_end(&server) && good;
}

static bool memory_by(struct run *r, enum way way)
{
	return with_server(r, way, 1, memory_at);
}

bool measure_memory(struct run *r)
{
	return each_way(r, memory_by);
}

/* ---- doorbells ---- */

#define MIB 0x100000
#define RESIDENT_NS_PER_MIB 500.0
#define UNTOUCHED_NS 1000.0

static const struct {
	const char *name, *bytes, *how;
	bool quick, eager;
} doorbells[] = { { "64MiB-untouched", "67108864", "untouched", true, false },
		  { "1GiB-untouched", "1073741824", "untouched", false, false },
		  { "64MiB-resident", "67108864", "resident", true, false },
		  { "1GiB-resident", "1073741824", "resident", false, false },
		  { "64KiB-eager", "65536", "untouched", true, true } };

static struct limit doorbell_limit(size_t i)
{
	double ns = doorbells[i].how[0] == 'u' ? UNTOUCHED_NS : RESIDENT_NS_PER_MIB * MEMORY_RESIDENT / MIB;

	return doorbells[i].eager ? no_limit : (struct limit){ PLUS, ns };
}

/* Beside the same with no buffers, on the other card. */
static bool doorbell(const struct place *p, size_t i)
{
	const char *how = doorbells[i].how, *count = p->run->quick ? "5" : "500";
	struct side with = { .args = { "doorbell", doorbells[i].bytes, how, count }, .numbers = 1 };
	struct side without = { .args = { "doorbell", "0", how, count }, .numbers = 1 };
	char name[40];

	snprintf(name, sizeof(name), "doorbell-%s-%s", doorbells[i].name, way_names[p->way]);
	if (!run_wants(p->run, name) || (p->run->quick && !doorbells[i].quick) ||
	    (!can_trap && !doorbells[i].eager))
		return true;
	if (!memory_sides(p, doorbells[i].eager, &with, &without))
		return false;
	run_row(p->run, name, "ns", with.median[0], without.median[0], doorbell_limit(i));
	return true;
}

static bool doorbells_at(const struct place *p)
{
	bool good = true;

	for (size_t i = 0; good && i < sizeof(doorbells) / sizeof(doorbells[0]); i++)
		good = doorbell(p, i);
	return good;
}

static bool doorbells_by(struct run *r, enum way way)
{
	return with_server(r, way, 2, doorbells_at);
}

bool measure_doorbells(struct run *r)
{
	return each_way(r, doorbells_by);
}
