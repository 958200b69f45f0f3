/* SPDX-License-Identifier: BSD-3-Clause */
/* What is measured, and against what. docs/benchmark.md tells what each row means. */
#include "bench/local.h"

#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdio.h>
#include <string.h>

#include "bench/run.h"

#define BUFFER_BYTES "67108864"
#define LOOPBACK_BYTES "1048576"

static const struct cards_kind bench_mapped = { "bench", "map", NULL };
static const struct cards_kind bench_trapped = { "bench", "trap", NULL };
static const struct cards_kind nlb_mapped = { "nlb0", "map", NULL };
static const struct cards_kind nlb_trapped = { "nlb0", "trap", NULL };
static const struct cards_kind plain = { "nlb0", "trap", NULL };
static const struct cards_kind slow = { "nlb0", "trap", "delay=2" };

static const struct limit no_limit = { NO_LIMIT, 0 };

/* Both sides on one card of the kind; pinned: the sides on one CPU, the card on another. */
static bool on_card(struct run *r, const struct cards_kind *kind, bool pinned, struct side *a,
		    struct side *b)
{
	struct cards card = { .num = 0 };
	bool good;

	a->cards = b->cards = &card;
	a->pinned = b->pinned = pinned;
	good = run_cards(r, &card, kind, 1, pinned) && run_sides(r, a, b);
	return cards_end(&card, NULL) && good;
}

/* ---- registers ---- */

static bool measure_access(struct run *r, const char *what, const char *name, const char *two_name)
{
	const char *slices = r->quick ? "20" : "4000";
	struct side ours = { .args = { "access", what, "1", slices }, .each_cpu = true,
			     .numbers = 1 };
	struct side raw = { .raw = "access", .args = { what, slices }, .each_cpu = true,
			    .numbers = 1 };
	struct side one = { .args = { "access", what, "1+1", slices }, .numbers = 1 };
	struct side two = { .args = { "access", what, "2", slices }, .numbers = 1 };

	if (!on_card(r, &bench_mapped, false, &ours, &raw))
		return false;
	run_row(r, name, "ns", ours.median[0], raw.median[0], (struct limit){ PLUS, 4 });
	/* The card serves one client at a time, so each round has it anew. */
	one.fresh = two.fresh = true;
	if (!on_card(r, &bench_mapped, false, &two, &one))
		return false;
	run_row(r, two_name, "ns", two.median[0], one.median[0], (struct limit){ TIMES, 1.2 });
	return true;
}

static bool measure_accesses(struct run *r)
{
	return measure_access(r, "read", "mmio-read", "mmio-read-2-threads") &&
	       measure_access(r, "write", "mmio-write", "mmio-write-2-threads");
}

static bool measure_trapped(struct run *r)
{
	const char *count = r->quick ? "50" : "20000";
	char other_cpu[12];
	struct side ours = { .args = { "trapped", count }, .numbers = 2 };
	struct side raw = { .raw = "pingpong", .args = { count, other_cpu }, .numbers = 2 };

	snprintf(other_cpu, sizeof(other_cpu), "%d", r->cpu[1]);
	if (!on_card(r, &bench_trapped, true, &ours, &raw))
		return false;
	run_row(r, "mmio-read-trapped", "us", ours.median[0], raw.median[0],
		(struct limit){ TIMES, 1.25 });
	run_row(r, "mmio-read-trapped-p99", "us", ours.median[1], raw.median[1], no_limit);
	return true;
}

/* ---- the library by itself ---- */

static bool measure_properties(struct run *r)
{
	const char *slices = r->quick ? "20" : "4000";
	struct side ours = { .args = { "properties", slices }, .each_cpu = true,
			     .numbers = 1 };
	struct side raw = { .raw = "object", .args = { slices }, .each_cpu = true,
			    .numbers = 1 };

	if (!run_sides(r, &ours, &raw))
		return false;
	run_row(r, "properties", "ns", ours.median[0], raw.median[0],
		(struct limit){ AT_MOST, 60 });
	return true;
}

/* The reference loads what the library loads by the benchmark's configuration, not by the user's. */
static bool find_plugin(const struct run *r, struct opaex_plugin *plugin)
{
	fpgaFinalize();
	if (fpgaInitialize(strchr(r->config, '=') + 1) == FPGA_OK &&
	    opaex_plugin_get(0, plugin) == FPGA_OK && !strcmp(plugin->state, "ready"))
		return true;
	return bench_fail("v-opae cannot be loaded; `opae plugins` shows more");
}

static bool measure_initialize(struct run *r)
{
	struct opaex_plugin plugin;
	struct side ours = { .args = { "initialize" }, .fresh = true, .numbers = 1 };
	struct side raw = { .raw = "load", .fresh = true, .numbers = 1 };

	if (!find_plugin(r, &plugin))
		return false;
	raw.args[0] = plugin.file;
	if (!run_sides(r, &ours, &raw))
		return false;
	run_row(r, "initialize", "us", ours.median[0], raw.median[0],
		(struct limit){ AT_MOST, 2000 });
	return true;
}

/* ---- enumeration ---- */

/* messages: how many the cards answer in one cold enumeration; NULL: nobody wants to know. */
static bool measure_cold(struct run *r, const struct cards_kind *kind, const char *name,
			 double times, double *messages)
{
	unsigned int num = r->quick ? 3 : CARDS_MAX;
	char num_text[8], row[40];
	struct cards all = { .num = 0 }, one = { .num = 0 };
	struct side many = { .args = { "enumerate", num_text }, .cards = &all, .fresh = true,
			     .numbers = 1 };
	struct side single = { .args = { "enumerate", "1" }, .cards = &one, .fresh = true,
			       .numbers = 1 };
	bool good;

	snprintf(num_text, sizeof(num_text), "%u", num);
	snprintf(row, sizeof(row), name, num);
	good = run_cards(r, &all, kind, num, false) &&
	       run_cards(r, &one, kind, 1, false) &&
	       run_sides(r, &many, &single);
	good = cards_end(&one, NULL) && good;
	good = cards_end(&all, good ? messages : NULL) && good;
	if (!good)
		return false;
	if (messages)
		*messages /= r->rounds;
	run_row(r, row, "us", many.median[0], num * single.median[0],
		(struct limit){ TIMES, times });
	return true;
}

/* One more process, which knows nothing but what the inventory tells. */
static bool enumerate_once_more(struct run *r, const struct side *before, const char *num_text)
{
	struct side side = { .args = { "enumerate", num_text }, .cards = before->cards, .numbers = 1 };
	double answer;

	memcpy(side.inventory, before->inventory, sizeof(side.inventory));
	return run_side_once(r, &side, &answer);
}

static bool measure_warm(struct run *r, double cold_messages)
{
	unsigned int num = r->quick ? 3 : CARDS_MAX, count = r->quick ? 3 : 20;
	char num_text[8], count_text[8], row[40];
	struct cards all = { .num = 0 };
	struct side ours = { .args = { "again", num_text, count_text }, .cards = &all, .numbers = 1 };
	struct side raw = { .raw = "list", .args = { all.dir, ".sock", count_text }, .numbers = 1 };
	double messages = 0, enumerations = r->rounds * count + 1;
	bool good;

	snprintf(num_text, sizeof(num_text), "%u", num);
	snprintf(count_text, sizeof(count_text), "%u", count);
	good = run_cards(r, &all, &plain, num, false) && run_sides(r, &ours, &raw) &&
	       enumerate_once_more(r, &ours, num_text);
	good = cards_end(&all, good ? &messages : NULL) && good;
	if (!good)
		return false;
	snprintf(row, sizeof(row), "enumerate-%u-warm-per-card", num);
	run_row(r, row, "us", ours.median[0], raw.median[0], (struct limit){ AT_MOST, 5 });
	messages = messages > cold_messages ? messages - cold_messages : 0; /* its first was cold */
	snprintf(row, sizeof(row), "enumerate-%u-warm-messages", num);
	run_row(r, row, "messages", messages / enumerations, cold_messages,
		(struct limit){ AT_MOST, 0 });
	return true;
}

static bool measure_enumeration(struct run *r)
{
	double messages;

	return measure_cold(r, &plain, "enumerate-%u-cold", 0.7, &messages) &&
	       measure_cold(r, &slow, "enumerate-%u-cold-2ms", 0.05, NULL) &&
	       measure_warm(r, messages);
}

/* ---- memory ---- */

static bool measure_buffer(struct run *r)
{
	const char *count = r->quick ? "1" : "5";
	struct side ours = { .args = { "buffer", BUFFER_BYTES, count }, .numbers = 1 };
	struct side raw = { .raw = "buffer", .args = { BUFFER_BYTES, count }, .numbers = 1 };

	if (!on_card(r, &plain, true, &ours, &raw))
		return false;
	run_row(r, "buffer-64MiB", "us", ours.median[0], raw.median[0],
		(struct limit){ TIMES, 1.3 });
	return true;
}

static bool measure_loopback(struct run *r, const struct cards_kind *kind, const char *name,
			     struct limit limit)
{
	const char *count = r->quick ? "3" : "100";
	struct side ours = { .args = { "loopback", LOOPBACK_BYTES, count }, .numbers = 1 };
	struct side raw = { .raw = "copy", .args = { LOOPBACK_BYTES, count }, .numbers = 1 };

	if (!on_card(r, kind, true, &ours, &raw))
		return false;
	run_row(r, name, "us", ours.median[0], raw.median[0], limit);
	return true;
}

static bool measure_memory(struct run *r)
{
	return measure_buffer(r) &&
	       measure_loopback(r, &nlb_mapped, "loopback-1MiB", (struct limit){ TIMES, 2 }) &&
	       measure_loopback(r, &nlb_trapped, "loopback-1MiB-trapped", no_limit);
}

/* ---- all ---- */

bool bench_local(bool quick, struct bench_report *report)
{
	static const struct part parts[] = { { NULL, "register accesses", measure_accesses },
					     { NULL, "trapped accesses", measure_trapped },
					     { NULL, "properties", measure_properties },
					     { NULL, "enumeration", measure_enumeration },
					     { NULL, "buffers and data", measure_memory },
					     { NULL, "initialization", measure_initialize } };
	struct run r = { .quick = quick, .report = report };

	memset(report, 0, sizeof(*report));
	return run_all(&r, parts, sizeof(parts) / sizeof(parts[0]));
}
