/* SPDX-License-Identifier: BSD-3-Clause */
/* Sensors (dev/hwmon.h) and counters (dev/perf.h) as sysfs describes them, also wrongly. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/hwmon.h"
#include "dev/perf.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/fake-sensors.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int up(void **state)
{
	(void)state;
	fake_dfl_up(1);
	sys_set(fake_dfl_seam());
	return 0;
}

static int down(void **state)
{
	(void)state;
	sys_set(NULL);
	fake_dfl_down();
	return 0;
}

/* ---- names and values ---- */

static void names(void **state)
{
	static const struct {
		const char *name;
		enum hwmon_kind kind;
		uint32_t index;
		enum hwmon_attr attr;
	} good[] = { { "temp1_input", HWMON_TEMP, 1, HWMON_INPUT },
		     { "in0_max_alarm", HWMON_IN, 0, HWMON_MAX_ALARM },
		     { "power12_cap", HWMON_POWER, 12, HWMON_CAP },
		     { "curr9999_lcrit_hyst", HWMON_CURR, 9999, HWMON_LCRIT_HYST },
		     { "humidity1_average", HWMON_HUMIDITY, 1, HWMON_AVERAGE } };
	static const char *const bad[] = { "", "temp", "temp1", "temp1_", "temp_input", "tempx_input",
					   "temp1_inputs", "temp10000_input", "temp-1_input",
					   "intrusion0_alarm", "temp99999999999999999999_input",
					   "temp1_label", "pwm1", "_input" };
	enum hwmon_kind kind;
	enum hwmon_attr attr;
	uint32_t index;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(hwmon_parse_name(good[i].name, &kind, &index, &attr));
		assert_int_equal(kind, good[i].kind);
		assert_int_equal(index, good[i].index);
		assert_int_equal(attr, good[i].attr);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (hwmon_parse_name(bad[i], &kind, &index, &attr))
			fail_msg("'%s' was taken", bad[i]);
}

static void values(void **state)
{
	static const char *const bad[] = { " 1", "+1", "1 ", "0x10", "1.5", "abc", "-", "--1", "1\n2",
					   "99999999999999999999", "-99999999999999999999" };
	double v = 0;

	(void)state;
	assert_int_equal(hwmon_parse("45000", HWMON_TEMP, HWMON_INPUT, &v), 0);
	assert_true(v == 45.0);
	assert_int_equal(hwmon_parse("-500", HWMON_TEMP, HWMON_MIN, &v), 0);
	assert_true(v == -0.5);
	assert_int_equal(hwmon_parse("23000000", HWMON_POWER, HWMON_INPUT, &v), 0);
	assert_true(v == 23.0);
	assert_int_equal(hwmon_parse("2200", HWMON_FAN, HWMON_INPUT, &v), 0);
	assert_true(v == 2200.0);
	assert_int_equal(hwmon_parse("1", HWMON_TEMP, HWMON_MAX_ALARM, &v), 0);
	assert_true(v == 1.0);
	assert_int_equal(hwmon_parse("2", HWMON_TEMP, HWMON_MAX_ALARM, &v), -EINVAL);
	assert_int_equal(hwmon_parse("", HWMON_TEMP, HWMON_INPUT, &v), -ENODATA);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(hwmon_parse(bad[i], HWMON_TEMP, HWMON_INPUT, &v), -EINVAL);
	assert_true(v == 1.0); /* what failed wrote nothing */
}

/* ---- the list of sensors ---- */

static void sensors_are_found(void **state)
{
	struct hwmon_sensor *s;
	size_t n;

	(void)state;
	assert_int_equal(hwmon_list(&s, &n, DEVICE), 0);
	assert_int_equal(n, 0);
	assert_null(s);
	put_fme_sensors();
	put_board_sensors();
	fake_dfl_folder(DEVICE "/hwmon/hwmon12");
	put_text(DEVICE "/hwmon/hwmon12", "temp1_label", "a label alone\n");
	put_text(DEVICE "/hwmon/hwmon12", "fan3_alarm", "1\n");
	put_text(DEVICE "/hwmon/hwmon12", "fan3_label", "a\033[31mb\n");
	assert_int_equal(hwmon_list(&s, &n, DEVICE), 0);
	assert_int_equal(n, 8);
	assert_string_equal(s[0].chip, "dfl_fme_thermal");
	assert_string_equal(s[0].dir, HEAT);
	assert_int_equal(s[0].has, 1u << HWMON_INPUT | 1u << HWMON_MAX | 1u << HWMON_CRIT |
					   1u << HWMON_EMERGENCY | 1u << HWMON_MAX_ALARM |
					   1u << HWMON_CRIT_ALARM);
	assert_string_equal(s[0].label, "");
	assert_int_equal(s[1].kind, HWMON_POWER);
	assert_int_equal(s[2].kind, HWMON_FAN); /* hwmon12, after hwmon4 */
	assert_string_equal(s[2].chip, "");
	assert_string_equal(s[2].label, ""); /* people read it on a terminal */
	assert_int_equal(s[3].index, 1); /* the board's first */
	assert_string_equal(s[4].label, "FPGA E-TILE Temperature");
	assert_int_equal(s[5].kind, HWMON_IN);
	assert_int_equal(s[6].kind, HWMON_CURR);
	assert_int_equal(s[7].kind, HWMON_FAN);
	free(s);
}

/* A tree that is too deep, and one that is too wide. */
static void the_walk_ends(void **state)
{
	char path[400] = DEVICE "/dfl_dev.1", name[24];
	struct hwmon_sensor *s;
	size_t n;

	(void)state;
	for (int i = 0; i < 12; i++)
		memcpy(path + strlen(path), "/deeper", 8);
	memcpy(path + strlen(path), "/hwmon/hwmon1", 14);
	fake_dfl_folder(path);
	put_text(path, "temp1_input", "1000\n");
	assert_int_equal(hwmon_list(&s, &n, DEVICE), 0);
	assert_int_equal(n, 0);
	for (int i = 0; i < 600; i++) { /* more than is taken */
		snprintf(path, sizeof(path), "%s/dfl_dev.4/w%d/hwmon/hwmon1", DEVICE, i / 20);
		fake_dfl_folder(path);
		snprintf(name, sizeof(name), "temp%d_input", i % 20);
		put_text(path, name, "1000\n");
	}
	assert_int_equal(hwmon_list(&s, &n, DEVICE), 0);
	assert_int_equal(n, HWMON_MAX_SENSORS);
	free(s);
}

static void what_cannot_be_read(void **state)
{
	static char huge[65536];
	struct hwmon_sensor *s;
	double v = 7;
	size_t n;

	(void)state;
	put_fme_sensors();
	assert_int_equal(hwmon_list(&s, &n, DEVICE), 0);
	memset(huge, '1', sizeof(huge));
	assert_int_equal(hwmon_read(&s[0], HWMON_MIN, &v), -ENOENT);
	put_text(HEAT, "temp1_max", "");
	assert_int_equal(hwmon_read(&s[0], HWMON_MAX, &v), -ENODATA);
	put_text(HEAT, "temp1_max", "\n");
	assert_int_equal(hwmon_read(&s[0], HWMON_MAX, &v), -ENODATA);
	put_text(HEAT, "temp1_max", "hot\n");
	assert_int_equal(hwmon_read(&s[0], HWMON_MAX, &v), -EINVAL);
	fake_dfl_put(HEAT "/temp1_max", huge, sizeof(huge));
	assert_int_equal(hwmon_read(&s[0], HWMON_MAX, &v), -ENAMETOOLONG);
	fake_dfl_remove(HEAT "/temp1_max");
	assert_int_equal(hwmon_read(&s[0], HWMON_MAX, &v), -ENOENT);
	assert_true(v == 7);
	free(s);
}

/* ---- counters ---- */

static void formats(void **state)
{
	static const char *const bad[] = { "", "config", "config:", "config3:0", "config:x", "config:0-",
					   "config:-1", "config:64", "config:3-2", "config:0,",
					   "config:0 ", "config:0-1-2", "config:0,1,2,3,4",
					   "config:99999999999999999999" };
	struct perf_field f = { .num_ranges = 3 };

	(void)state;
	assert_int_equal(perf_parse_format("config1:0-7,32-35", &f), 0);
	assert_int_equal(f.word, 1);
	assert_int_equal(f.num_ranges, 2);
	assert_int_equal(f.ranges[1].low, 32);
	assert_int_equal(f.ranges[1].high, 35);
	assert_int_equal(perf_parse_format("config:63", &f), 0);
	assert_int_equal(f.ranges[0].high, 63);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (perf_parse_format(bad[i], &f) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void events(void **state)
{
	static const char *const bad[] = { "", ",", "event", "=1", "event=", "event=x", "event=1,",
					   "event=-1", "evt=1", "event=1=2", "event==1", "event=0x",
					   "event=??", "event=111111111111111111111111111",
					   "event=0x12345678901234567" };
	static const struct perf_pmu pmu = {
		.num_fields = 4,
		.fields = { { "event", 0, { { 0, 11 } }, 1 },
			    { "evtype", 0, { { 12, 15 } }, 1 },
			    { "split", 1, { { 0, 3 }, { 60, 63 } }, 2 },
			    { "all", 2, { { 0, 63 } }, 1 } },
	};
	struct perf_config c;

	(void)state;
	assert_int_equal(perf_parse_event(&pmu, "event=0x06,evtype=2", 0, &c), 0);
	assert_int_equal(c.words[0], 0x2006);
	assert_false(c.asks);
	assert_int_equal(perf_parse_event(&pmu, "evtype,event=?", 5, &c), 0);
	assert_int_equal(c.words[0], 0x1005);
	assert_true(c.asks);
	assert_int_equal(perf_parse_event(&pmu, "split=0xa5,all=0xffffffffffffffff", 0, &c), 0);
	assert_int_equal(c.words[1], 0xa000000000000005);
	assert_int_equal(c.words[2], UINT64_MAX);
	assert_int_equal(perf_parse_event(&pmu, "event=0x1000", 0, &c), -ERANGE);
	assert_int_equal(perf_parse_event(&pmu, "event=?", 4096, &c), -ERANGE);
	for (size_t i = 0; i < COUNT(bad); i++) {
		bool only_name = !strcmp(bad[i], "event"); /* that is 1 */

		if (perf_parse_event(&pmu, bad[i], 0, &c) != (only_name ? 0 : -EINVAL))
			fail_msg("'%s'", bad[i]);
	}
}

static void a_pmu(void **state)
{
	struct perf_config c;
	struct perf_pmu pmu;

	(void)state;
	assert_int_equal(perf_pmu_read(&pmu, "dfl_fme0"), -ENOENT);
	put_pmu();
	assert_int_equal(perf_pmu_read(&pmu, "dfl_fme0"), 0);
	assert_int_equal(pmu.type, 17);
	assert_int_equal(pmu.cpu, 1);
	assert_int_equal(pmu.num_fields, 3);
	assert_int_equal(perf_event_read(&pmu, "dfl_fme0", "fab_mmio_read", 0, &c), 0);
	assert_int_equal(c.words[0], 0xff2006);
	assert_int_equal(perf_event_read(&pmu, "dfl_fme0", "wrong", 0, &c), -ERANGE);
	assert_int_equal(perf_event_read(&pmu, "dfl_fme0", "none", 0, &c), -ENOENT);
	put_text(PMU, "type", "4294967296\n");
	assert_int_equal(perf_pmu_read(&pmu, "dfl_fme0"), -EINVAL);
	put_text(PMU, "type", "17\n");
	put_text(PMU, "cpumask", "\n"); /* no processor is left */
	assert_int_equal(perf_pmu_read(&pmu, "dfl_fme0"), -EINVAL);
	put_text(PMU, "cpumask", "4-7,9\n");
	for (int i = 0; i < 17; i++) { /* more than are taken */
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		put_text(PMU "/format", name, "config:0\n");
	}
	assert_int_equal(perf_pmu_read(&pmu, "dfl_fme0"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(names),
		RIGGED(values),
		RIGGED(sensors_are_found),
		RIGGED(the_walk_ends),
		RIGGED(what_cannot_be_read),
		RIGGED(formats),
		RIGGED(events),
		RIGGED(a_pmu),
	};

	return RUN(tests);
}
