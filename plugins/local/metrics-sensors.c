/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sensors as metrics. The FME's own two are called as OPAE has always called them, temperature and
 * consumed; those of a board's management controller by their labels.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "plugins/local/local.h"

/* The FME's GUID, as its registers hold it. */
const fpga_guid metrics_fme_guid = { 0xbf, 0xaf, 0x2a, 0xe9, 0x4a, 0x52, 0x46, 0xe3,
				     0x82, 0xfe, 0x38, 0xf0, 0xf9, 0xe1, 0x77, 0x64 };

static const struct {
	const char *group, *unit, *plain; /* plain: how a sensor without a label begins */
	enum fpga_metric_type type;
} kinds[HWMON_KINDS] = {
	[HWMON_TEMP] = { "thermal_mgmt", "Celsius", "temperature", FPGA_METRIC_TYPE_THERMAL },
	[HWMON_POWER] = { "power_mgmt", "Watts", "power", FPGA_METRIC_TYPE_POWER },
	[HWMON_IN] = { "power_mgmt", "Volts", "voltage", FPGA_METRIC_TYPE_POWER },
	[HWMON_CURR] = { "power_mgmt", "Amps", "current", FPGA_METRIC_TYPE_POWER },
	[HWMON_FAN] = { "thermal_mgmt", "RPM", "fan", FPGA_METRIC_TYPE_THERMAL },
	[HWMON_FREQ] = { "performance", "Hz", "frequency", FPGA_METRIC_TYPE_PERFORMANCE_CTR },
	[HWMON_ENERGY] = { "power_mgmt", "Joules", "energy", FPGA_METRIC_TYPE_POWER },
	[HWMON_HUMIDITY] = { "thermal_mgmt", "Percent", "humidity", FPGA_METRIC_TYPE_THERMAL },
};

static int read_sensor(struct handle *h, const struct metric *m, metric_value *ret)
{
	double v;
	int rc = hwmon_read(m->sensor, HWMON_INPUT, &v);

	(void)h;
	if (rc == -ENOENT) /* a power meter may have nothing but its average */
		rc = hwmon_read(m->sensor, HWMON_AVERAGE, &v);
	if (!rc)
		ret->dvalue = v;
	return rc;
}

static const struct metric_source source = { .read = read_sensor };

static bool taken(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i + 1 < m->num; i++) /* but the last one, whose name it is to be */
		if (!strcasecmp(m->list[i].info.metric_name, name))
			return true;
	return false;
}

/* Two chips may call something alike, and a metric is asked for by its name. */
static void name_sensor(const struct metrics *m, fpga_metric_info *info, const struct hwmon_sensor *s)
{
	char name[sizeof(s->label) + sizeof(s->chip)];

	if (*s->label)
		snprintf(name, sizeof(name), "%s", s->label);
	else if (!strcmp(s->chip, "dfl_fme_thermal") && s->kind == HWMON_TEMP && s->index == 1)
		snprintf(name, sizeof(name), "temperature");
	else if (!strcmp(s->chip, "dfl_fme_power") && s->kind == HWMON_POWER && s->index == 1)
		snprintf(name, sizeof(name), "consumed");
	else
		snprintf(name, sizeof(name), "%s%s%s%u", s->chip, *s->chip ? "_" : "",
			 kinds[s->kind].plain, s->index);
	metric_text(info->metric_name, "%s", name);
	for (unsigned int n = 2; taken(m, info->metric_name); n++)
		metric_text(info->metric_name, "%s_%u", name, n);
}

static int add(struct metrics *m, const struct hwmon_sensor *s)
{
	struct metric *at = metric_add(m);
	fpga_metric_info *info = at ? &at->info : NULL;

	if (!at)
		return -ENOMEM;
	at->source = &source;
	at->sensor = s;
	memcpy(info->metric_guid, metrics_fme_guid, sizeof(metrics_fme_guid));
	name_sensor(m, info, s);
	metric_text(info->group_name, "%s", kinds[s->kind].group);
	metric_text(info->qualifier_name, "%.64s:%.180s", info->group_name, info->metric_name);
	metric_text(info->metric_units, "%s", kinds[s->kind].unit);
	info->metric_datatype = FPGA_METRIC_DATATYPE_DOUBLE;
	info->metric_type = kinds[s->kind].type;
	return 0;
}

int metrics_add_sensors(struct handle *h)
{
	struct metrics *m = &h->metrics;
	int rc = hwmon_list(&m->sensors, &m->num_sensors, h->token.dev.dir);

	for (size_t i = 0; i < m->num_sensors && !rc; i++)
		if (hwmon_has(&m->sensors[i], HWMON_INPUT) || hwmon_has(&m->sensors[i], HWMON_AVERAGE))
			rc = add(m, &m->sensors[i]);
	return rc;
}

/* ---- limits ---- */

static bool limit(const struct hwmon_sensor *s, enum hwmon_attr a, const char *name, threshold *ret)
{
	metric_text(ret->threshold_name, "%s", name);
	ret->value = 0;
	ret->is_valid = !hwmon_read(s, a, &ret->value);
	return ret->is_valid;
}

/* OPAE's is how far a value must fall back; hwmon's where it must fall back to. */
static bool hysteresis(const struct hwmon_sensor *s, threshold *ret)
{
	static const struct {
		enum hwmon_attr limit, back;
	} pairs[] = { { HWMON_MAX, HWMON_MAX_HYST },
		      { HWMON_CRIT, HWMON_CRIT_HYST },
		      { HWMON_EMERGENCY, HWMON_EMERGENCY_HYST },
		      { HWMON_MIN, HWMON_MIN_HYST },
		      { HWMON_LCRIT, HWMON_LCRIT_HYST } };

	metric_text(ret->threshold_name, "Hysteresis");
	ret->value = 0;
	ret->is_valid = 0;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !ret->is_valid; i++) {
		double at, back;

		if (hwmon_read(s, pairs[i].limit, &at) || hwmon_read(s, pairs[i].back, &back))
			continue;
		ret->value = at > back ? at - back : back - at;
		ret->is_valid = 1;
	}
	return ret->is_valid;
}

bool metric_limits(const struct metric *m, struct metric_threshold *ret)
{
	const struct hwmon_sensor *s = m->source == &source ? m->sensor : NULL;
	bool any = false;

	if (!s)
		return false;
	memset(ret, 0, sizeof(*ret));
	metric_text(ret->metric_name, "%s", m->info.metric_name);
	any |= limit(s, HWMON_EMERGENCY, "Upper Non-Recoverable Threshold", &ret->upper_nr_threshold);
	any |= limit(s, HWMON_CRIT, "Upper Critical Threshold", &ret->upper_c_threshold);
	any |= limit(s, hwmon_has(s, HWMON_MAX) ? HWMON_MAX : HWMON_CAP, "Upper Non-Critical Threshold",
		     &ret->upper_nc_threshold);
	/* hwmon has no such limit */
	metric_text(ret->lower_nr_threshold.threshold_name, "Lower Non-Recoverable Threshold");
	any |= limit(s, HWMON_LCRIT, "Lower Critical Threshold", &ret->lower_c_threshold);
	any |= limit(s, HWMON_MIN, "Lower Non-Critical Threshold", &ret->lower_nc_threshold);
	any |= hysteresis(s, &ret->hysteresis);
	return any;
}
