/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae bench local, remote and ase: the benchmarks of bench/, as a table or as JSON. `opae bench subject`,
 * `hosts`, `crowd` and `strangers` are how it starts itself for what is measured and what that meets;
 * they are nobody else's commands.
 */
#include <stdio.h>
#include <string.h>

#include "bench/ase.h"
#include "bench/crowd.h"
#include "bench/hosts.h"
#include "bench/local.h"
#include "bench/remote.h"
#include "bench/strangers.h"
#include "bench/subject.h"
#include "opae.h"

/* As many digits as the figure has: the ratio of what is printed is the ratio printed. */
static struct json_object *number(double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", v);
	return json_object_new_double_s(v, text);
}

static struct json_object *row_json(const struct bench_row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(row->name));
	json_object_object_add(o, "unit", json_object_new_string(row->unit));
	json_object_object_add(o, "value", number(row->value));
	json_object_object_add(o, "reference", number(row->reference));
	json_object_object_add(o, "ratio", json_object_new_double(row->ratio));
	json_object_object_add(o, "target", row->has_target ? number(row->target) : NULL);
	json_object_object_add(o, "met", json_object_new_boolean(row->met));
	return o;
}

static int print_report_json(const struct bench_report *report)
{
	struct json_object *top = json_object_new_object(), *rows = json_object_new_array();

	for (size_t i = 0; i < report->num; i++)
		json_object_array_add(rows, row_json(&report->rows[i]));
	json_object_object_add(top, "schema", json_object_new_int(OPAE_JSON_SCHEMA));
	json_object_object_add(top, "machine", json_object_new_string(report->machine));
	if (*report->tracker)
		json_object_object_add(top, "tracker", json_object_new_string(report->tracker));
	json_object_object_add(top, "rows", rows);
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
	return EXIT_OK;
}

static int print_table(const struct bench_report *report)
{
	printf("machine: %s\n", report->machine);
	if (*report->tracker)
		printf("tracker of buffers: %s\n", report->tracker);
	printf("value: through OPAE; reference: the same job by the bare means of the machine, or "
	       "ours by itself\n(see docs/benchmark.md); medians of rounds taken in turn; less is "
	       "better\n\n");
	printf("%-32s %11s %11s %8s %11s %-4s %-9s %s\n", "name", "value", "reference", "ratio",
	       "target", "met", "unit", "target is");
	for (size_t i = 0; i < report->num; i++) {
		const struct bench_row *row = &report->rows[i];
		char target[24] = "-";

		if (row->has_target)
			snprintf(target, sizeof(target), "%.3f", row->target);
		printf("%-32s %11.3f %11.3f %8.3f %11s %-4s %-9s %s\n", row->name, row->value,
		       row->reference, row->ratio, target,
		       !row->has_target ? "-" :
		       row->met         ? "yes" :
					  "NO",
		       row->unit, row->rule);
	}
	return EXIT_OK;
}

struct options {
	bool json, quick; /* quick is for tests */
	const char *transport, *only;
	bool build;
	const char *sim, *bare;
};

static bool in_transport(const struct options *o, const char *way)
{
	return !strcmp(o->transport, way) || !strcmp(o->transport, "all") ||
	       (!strcmp(o->transport, "both") && strcmp(way, "tls"));
}

/* By itself alone: a daemon that offers it starts each worker later. */
static bool is_rdma(const struct options *o)
{
	return !strcmp(o->transport, "rdma");
}

/* An argument of `bench ase` alone, and what belongs to it. */
static bool parse_ase(char *argv[], int *i, struct options *o)
{
	const char *value = argv[*i + 1], **to = !strcmp(argv[*i], "--sim")  ? &o->sim :
						 !strcmp(argv[*i], "--bare") ? &o->bare :
									       NULL;

	if (!strcmp(argv[*i], "--build"))
		return o->build = true;
	if (!to || !value)
		return false;
	*to = value;
	++*i;
	return true;
}

/* What follows `bench local`, `remote` or `ase`; 0, or an exit code. */
static int parse(int argc, char *argv[], struct options *o)
{
	bool remote = !strcmp(argv[1], "remote"), ase = !strcmp(argv[1], "ase");

	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "--json"))
			o->json = true;
		else if (!strcmp(argv[i], "--quick"))
			o->quick = true;
		else if (remote && !strcmp(argv[i], "--transport") && i + 1 < argc)
			o->transport = argv[++i];
		else if ((remote || ase) && !strcmp(argv[i], "--only") && i + 1 < argc)
			o->only = argv[++i];
		else if (!ase || !parse_ase(argv, &i, o))
			return usage_error("bench %s has no argument '%s'", argv[1], argv[i]);
	if (!in_transport(o, "unix") && !in_transport(o, "tcp") && !in_transport(o, "tls") &&
	    !is_rdma(o))
		return usage_error("--transport is unix, tcp, tls, both (the first two), all (three), or "
				   "rdma, not '%s'",
				   o->transport);
	return 0;
}

static bool measure(const char *what, const struct options *o, struct bench_report *report)
{
	struct bench_remote_options remote = { .quick = o->quick,
					       .by_unix = in_transport(o, "unix"),
					       .by_tcp = in_transport(o, "tcp"),
					       .by_tls = in_transport(o, "tls"),
					       .by_rdma = is_rdma(o),
					       .only = o->only };

	struct bench_ase_options ase = { o->quick, o->sim, o->bare, o->build, o->only };

	if (!strcmp(what, "ase"))
		return bench_ase(&ase, report);
	return strcmp(what, "remote") ? bench_local(o->quick, report) : bench_remote(&remote, report);
}

int cmd_bench(int argc, char *argv[])
{
	static struct bench_report report;
	struct options o = { .transport = "both" };
	int rc;

	if (argc > 1 && !strcmp(argv[1], "subject"))
		return subject_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "hosts"))
		return hosts_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "crowd"))
		return crowd_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "strangers"))
		return strangers_main(argc - 1, argv + 1);
	if (argc < 2 || (strcmp(argv[1], "local") && strcmp(argv[1], "remote") && strcmp(argv[1], "ase")))
		return usage_error("bench needs local, remote or ase");
	rc = parse(argc, argv, &o);
	if (rc)
		return rc;
	if (!measure(argv[1], &o, &report))
		return EXIT_FAILED;
	return o.json ? print_report_json(&report) : print_table(&report);
}
