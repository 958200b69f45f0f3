/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Texts of sysfs about sensors and counters, a line for each: names of attributes, their values,
 * formats, and events of a PMU that has the formats so far. What is taken must be what its bounds say.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/hwmon.h"
#include "dev/perf.h"
#include "fuzz/target.h"

static void check_name(const char *text)
{
	struct hwmon_sensor s = { 0 };
	enum hwmon_attr attr;
	char again[40];

	if (!hwmon_parse_name(text, &s.kind, &s.index, &attr))
		return;
	if (s.kind >= HWMON_KINDS || attr >= HWMON_ATTRS || s.index > 9999)
		abort();
	hwmon_name(again, &s, attr);
	if (strlen(again) > strlen(text)) /* "temp01_input" is shorter again */
		abort();
}

static void check_value(const char *text)
{
	double v;

	if (!hwmon_parse(text, HWMON_TEMP, HWMON_INPUT, &v) && !(v > -1e16 && v < 1e16))
		abort();
	if (!hwmon_parse(text, HWMON_TEMP, HWMON_ALARM, &v) && v != 0 && v != 1)
		abort();
}

static void check_format(struct perf_pmu *pmu, const char *text)
{
	struct perf_field *f = &pmu->fields[pmu->num_fields];

	if (perf_parse_format(text, f))
		return;
	if (f->word > 2 || !f->num_ranges || f->num_ranges > PERF_MAX_RANGES)
		abort();
	for (unsigned int i = 0; i < f->num_ranges; i++)
		if (f->ranges[i].low > f->ranges[i].high || f->ranges[i].high > 63)
			abort();
	f->name[0] = (char)('a' + pmu->num_fields);
	if (pmu->num_fields + 1 < PERF_MAX_FIELDS)
		pmu->num_fields++;
}

static void check_event(const struct perf_pmu *pmu, const char *text)
{
	struct perf_config c = { .words = { 1, 2, 3 } };

	if (perf_parse_event(pmu, text, 5, &c) && (c.words[0] != 1 || c.words[1] != 2 || c.words[2] != 3))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct perf_pmu pmu = { 0 };
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	for (char *at = text, *end; *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = 0;
		check_name(at);
		check_value(at);
		check_format(&pmu, at);
		check_event(&pmu, at);
	}
	free(text);
	return 0;
}
