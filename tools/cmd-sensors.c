/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae temp, opae power: the sensors of cards, a table for each, by the metrics of its FPGA_DEVICE. A
 * sensor is alarmed by its own limits: the worst that its value has reached is what the last column
 * says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opae.h"

enum { LOW_CRITICAL, LOW, HIGH, CRITICAL, FATAL, LIMITS };

static const struct {
	const char *title, *key;
	const char *reached; /* by a value; the worst have the highest numbers, on each side */
} limits[LIMITS] = {
	[LOW_CRITICAL] = { "LOW CRIT", "low_critical", "below its critical limit" },
	[LOW] = { "LOW", "low", "too low" },
	[HIGH] = { "HIGH", "high", "too high" },
	[CRITICAL] = { "CRIT", "critical", "above its critical limit" },
	[FATAL] = { "FATAL", "fatal", "above its last limit" },
};

struct sensor {
	fpga_metric_info info;
	fpga_metric now;
	double limit[LIMITS];
	bool has[LIMITS];
};

/* What one card has of a kind. */
struct sensors {
	struct sensor *list;
	uint64_t num;
};

/* ---- reading ---- */

/* An upper limit of nothing is none: registers that nobody has set are 0. */
static void take_limit(struct sensor *s, int which, const threshold *t)
{
	s->has[which] = t->is_valid && (which < HIGH || t->value != 0);
	s->limit[which] = t->value;
}

static void take_limits(struct sensor *s, const struct metric_threshold *t)
{
	take_limit(s, LOW_CRITICAL, &t->lower_c_threshold);
	take_limit(s, LOW, &t->lower_nc_threshold);
	take_limit(s, HIGH, &t->upper_nc_threshold);
	take_limit(s, CRITICAL, &t->upper_c_threshold);
	take_limit(s, FATAL, &t->upper_nr_threshold);
}

/* A card without limits, or one that does not tell them, has its values all the same. */
static void read_limits(fpga_handle h, struct sensors *all)
{
	struct metric_threshold *t;
	uint32_t n = 0;

	if (fpgaGetMetricsThresholdInfo(h, NULL, &n) != FPGA_OK || !n)
		return;
	t = calloc(n, sizeof(*t));
	if (t && fpgaGetMetricsThresholdInfo(h, t, &n) == FPGA_OK)
		for (uint32_t i = 0; i < n; i++)
			for (uint64_t k = 0; k < all->num; k++)
				if (!strcmp(all->list[k].info.metric_name, t[i].metric_name))
					take_limits(&all->list[k], &t[i]);
	free(t);
}

static fpga_result read_list(fpga_handle h, enum fpga_metric_type type, struct sensors *ret)
{
	fpga_metric_info *info;
	uint64_t n = 0;
	fpga_result r = fpgaGetNumMetrics(h, &n);

	if (r != FPGA_OK)
		return r;
	info = calloc(n, sizeof(*info));
	ret->list = calloc(n, sizeof(*ret->list));
	r = info && ret->list ? fpgaGetMetricsInfo(h, info, &n) : FPGA_NO_MEMORY;
	for (uint64_t i = 0; r == FPGA_OK && i < n; i++)
		if (info[i].metric_type == type && info[i].metric_datatype == FPGA_METRIC_DATATYPE_DOUBLE)
			ret->list[ret->num++].info = info[i];
	free(info);
	return r;
}

/* The list may be empty. The caller frees it, whatever came of it. */
static fpga_result read_sensors(fpga_handle h, enum fpga_metric_type type, struct sensors *ret)
{
	fpga_result r = read_list(h, type, ret);

	for (uint64_t i = 0; r == FPGA_OK && i < ret->num; i++) {
		struct sensor *s = &ret->list[i];

		fpgaGetMetricsByIndex(h, &s->info.metric_num, 1, &s->now);
	}
	if (r == FPGA_OK)
		read_limits(h, ret);
	return r;
}

/* ---- telling ---- */

/* The index of the worst limit that the value has reached; -1: none. */
static int reached(const struct sensor *s)
{
	double v = s->now.value.dvalue;

	for (int i = FATAL; i >= HIGH; i--)
		if (s->now.isvalid && s->has[i] && v >= s->limit[i])
			return i;
	for (int i = LOW_CRITICAL; i <= LOW; i++)
		if (s->now.isvalid && s->has[i] && v < s->limit[i])
			return i;
	return -1;
}

static void print_number(bool has, double v)
{
	if (has)
		printf(" %9.1f", v);
	else
		printf(" %9s", "-");
}

static void print_table(const char *address, const struct sensors *all)
{
	bool any[LIMITS] = { false };

	for (uint64_t i = 0; i < all->num; i++)
		for (int k = 0; k < LIMITS; k++)
			any[k] |= all->list[i].has[k];
	printf("%s\n  %-36s %9s %-8s", address, "SENSOR", "VALUE", "UNIT");
	for (int k = 0; k < LIMITS; k++)
		if (any[k])
			printf(" %9s", limits[k].title);
	printf("\n");
	for (uint64_t i = 0; i < all->num; i++) {
		const struct sensor *s = &all->list[i];
		int worst = reached(s);

		printf("  %-36s", s->info.metric_name);
		print_number(s->now.isvalid, s->now.value.dvalue);
		printf(" %-8s", s->info.metric_units);
		for (int k = 0; k < LIMITS; k++)
			if (any[k])
				print_number(s->has[k], s->limit[k]);
		printf("%s%s\n", worst < 0 ? "" : "  ALARM: ", worst < 0 ? "" : limits[worst].reached);
	}
}

static struct json_object *sensor_json(const struct sensor *s)
{
	struct json_object *o = json_object_new_object(), *of = json_object_new_object();
	int worst = reached(s);

	json_object_object_add(o, "name", json_object_new_string(s->info.metric_name));
	json_object_object_add(o, "unit", json_object_new_string(s->info.metric_units));
	json_object_object_add(o, "value",
			       s->now.isvalid ? json_object_new_double(s->now.value.dvalue) : NULL);
	for (int k = 0; k < LIMITS; k++)
		if (s->has[k])
			json_object_object_add(of, limits[k].key, json_object_new_double(s->limit[k]));
	json_object_object_add(o, "limits", of);
	json_object_object_add(o, "alarm", worst < 0 ? NULL : json_object_new_string(limits[worst].key));
	return o;
}

static struct json_object *card_json(const char *address, const struct sensors *all, const char *problem)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(o, "address", json_object_new_string(address));
	for (uint64_t i = 0; i < all->num; i++)
		json_object_array_add(list, sensor_json(&all->list[i]));
	json_object_object_add(o, "sensors", list);
	json_object_object_add(o, "problem", problem ? json_object_new_string(problem) : NULL);
	return o;
}

/* ---- cards ---- */

struct query {
	const char *what; /* "temperature" */
	enum fpga_metric_type type;
	struct selector sel;
	struct json_object *json; /* an array; NULL: for people */
};

static int show_card(const struct query *q, fpga_token token, const struct token_row *row)
{
	struct sensors all = { 0 };
	char why[512] = "";
	fpga_handle h;
	fpga_result r = fpgaOpen(token, &h, FPGA_OPEN_SHARED);
	bool opened = r == FPGA_OK;

	if (opened)
		r = read_sensors(h, q->type, &all);
	if (r != FPGA_OK)
		snprintf(why, sizeof(why), "%s: %s%s", fpgaErrStr(r), error_reason(), driver_hint(r, row));
	else if (!all.num)
		snprintf(why, sizeof(why), "the card has no sensor of %s", q->what);
	if (q->json)
		json_object_array_add(q->json, card_json(row->address, &all, *why ? why : NULL));
	else if (*why)
		fprintf(stderr, "opae: %s: %s\n", row->address, why);
	else
		print_table(row->address, &all);
	free(all.list);
	if (opened)
		fpgaClose(h);
	if (r == FPGA_OK)
		return *why ? EXIT_NOTHING_FOUND : EXIT_OK;
	return opened && (r == FPGA_NOT_FOUND || r == FPGA_NOT_SUPPORTED) ? EXIT_NOTHING_FOUND : EXIT_FAILED;
}

/* A failure counts more than a card without sensors, and that more than one with them. */
static int show_all(const struct query *q, fpga_token *list, uint32_t n)
{
	bool failed = false, found = false;

	for (uint32_t i = 0; i < n; i++) {
		struct token_row row;
		fpga_properties p;
		int rc;

		if (!ok(fpgaGetProperties(list[i], &p), "properties"))
			return EXIT_FAILED;
		token_row_read(p, &row);
		fpgaDestroyProperties(&p);
		rc = show_card(q, list[i], &row);
		failed |= rc == EXIT_FAILED;
		found |= rc == EXIT_OK;
	}
	if (!n && !q->json)
		fprintf(stderr, "opae: no device (FPGA_DEVICE) that fits was found; `opae list` shows what "
				"there is\n");
	return failed ? EXIT_FAILED : found ? EXIT_OK : EXIT_NOTHING_FOUND;
}

static int run(struct query *q, int argc, char *argv[])
{
	bool json = false;
	fpga_token *list;
	uint32_t n;
	int rc = EXIT_OK;

	q->sel.type = FPGA_DEVICE;
	for (int i = 1; i < argc && !rc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (argv[i][0] == '-')
			rc = usage_error("%s has no option '%s'", argv[0], argv[i]);
		else
			rc = selector_add(&q->sel, argv[i]);
	}
	if (rc)
		return rc;
	if (!tokens_find(&q->sel, &list, &n))
		return EXIT_FAILED;
	q->json = json ? json_object_new_array() : NULL;
	rc = show_all(q, list, n);
	tokens_free(list, n);
	if (json)
		print_json("cards", q->json);
	return rc;
}

int cmd_temp(int argc, char *argv[])
{
	struct query q = { .what = "temperature", .type = FPGA_METRIC_TYPE_THERMAL };

	return run(&q, argc, argv);
}

int cmd_power(int argc, char *argv[])
{
	struct query q = { .what = "power", .type = FPGA_METRIC_TYPE_POWER };

	return run(&q, argc, argv);
}
