/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the local plugin makes of a card's sensors and counters: metrics and limits.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/fake-sensors.h"
#include "tests/unit/local-rig.h"
#include "tests/unit/seam.h"


/* ---- the kernel's side ---- */

static struct {
	int error;			/* perf_event_open() fails with it */
	unsigned int opened, closed, starts, stops;
	uint64_t configs[16];
	uint64_t type;
	int cpu;
	bool of_card; /* a counter of the fabric for all of the card is open: none of one port's can be */
	int fds[16];
	uint64_t value; /* what each counter has, plus its event's number */
	int reading_errno;
} perf;

static struct sys_ops base_ops;

static int counter_of(int fd)
{
	for (unsigned int i = 0; i < perf.opened; i++)
		if (perf.fds[i] == fd)
			return (int)i;
	return -1;
}

static int fake_perf_open(struct perf_event_attr *a, pid_t pid, int cpu, int group, unsigned long flags)
{
	unsigned int port = (unsigned int)(a->config >> 16 & 0xff);

	assert_int_equal(a->size, sizeof(*a));
	assert_int_equal(pid, -1);
	assert_int_equal(group, -1);
	assert_true(flags & PERF_FLAG_FD_CLOEXEC);
	if (perf.error)
		return -perf.error;
	if ((a->config >> 12 & 0xf) == 2 && port != 0xff && perf.of_card)
		return -EOPNOTSUPP;
	perf.of_card |= (a->config >> 12 & 0xf) == 2;
	assert_true(perf.opened < COUNT(perf.fds));
	perf.type = a->type;
	perf.cpu = cpu;
	perf.configs[perf.opened] = a->config;
	perf.fds[perf.opened] = sys_kernel.eventfd(0, 0);
	return perf.fds[perf.opened++];
}

static ssize_t fake_read(int fd, void *buf, size_t len)
{
	int n = counter_of(fd);
	uint64_t v;

	if (n < 0)
		return sys_kernel.read(fd, buf, len);
	assert_int_equal(len, 8);
	if (perf.reading_errno)
		return -perf.reading_errno;
	assert_int_equal(perf.stops, perf.starts + 1); /* one that runs adds up at every reading */
	v = perf.value + (perf.configs[n] & 0xfff);
	memcpy(buf, &v, sizeof(v));
	return sizeof(v);
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (counter_of(fd) < 0)
		return base_ops.ioctl(fd, request, arg);
	*(request == PERF_EVENT_IOC_DISABLE ? &perf.stops : &perf.starts) += 1;
	return 0;
}

static int fake_close(int fd)
{
	int n = counter_of(fd);

	if (n >= 0) {
		perf.fds[n] = -1;
		perf.closed++;
	}
	return base_ops.close(fd);
}

/* ---- around each test ---- */

static int begin(void **state)
{
	static struct sys_ops ops;
	int rc = up(state);

	memset(&perf, 0, sizeof(perf));
	ops = *fake_dfl_seam();
	base_ops = ops;
	ops.perf_open = fake_perf_open;
	ops.read = fake_read;
	ops.ioctl = fake_ioctl;
	ops.close = fake_close;
	seam_over(&ops);
	seam_table(); /* which the plugin has, and which stands on these from now on */
	return rc;
}

static int end(void **state)
{
	assert_int_equal(perf.closed, perf.opened);
	return down(state);
}

#define SENSORS(test) cmocka_unit_test_setup_teardown(test, begin, end)

static uint64_t num_metrics(fpga_handle h)
{
	uint64_t n = UINT64_MAX;

	assert_int_equal(t.fpgaGetNumMetrics(h, &n), FPGA_OK);
	return n;
}

/* ---- metrics ---- */

static const char *name_of(fpga_handle h, uint64_t i)
{
	static fpga_metric_info info[32];
	uint64_t n = COUNT(info);

	assert_int_equal(t.fpgaGetMetricsInfo(h, info, &n), FPGA_OK);
	assert_true(i < n);
	return info[i].metric_name;
}

static void metrics_of_an_fme(void **state)
{
	char *by_name[] = { "CONSUMED", "nonsense", "fpga e-tile temperature", NULL, "power_mgmt:consumed" };
	uint64_t by_index[] = { 0, 99, 4 }, n = 2;
	fpga_metric_info info[2];
	fpga_metric m[5];
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	put_board_sensors();
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(num_metrics(h), 7);
	assert_int_equal(t.fpgaGetMetricsInfo(h, info, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(info[1].metric_num, 1);
	assert_string_equal(info[0].metric_name, "temperature");
	assert_string_equal(info[0].group_name, "thermal_mgmt");
	assert_string_equal(info[0].qualifier_name, "thermal_mgmt:temperature");
	assert_string_equal(info[0].metric_units, "Celsius");
	assert_int_equal(info[0].metric_type, FPGA_METRIC_TYPE_THERMAL);
	assert_int_equal(info[0].metric_datatype, FPGA_METRIC_DATATYPE_DOUBLE);
	assert_string_equal(info[1].qualifier_name, "power_mgmt:consumed");
	assert_string_equal(info[1].metric_units, "Watts");
	assert_int_equal(info[1].metric_type, FPGA_METRIC_TYPE_POWER);
	assert_string_equal(name_of(h, 2), "n6000bmc_temperature1"); /* without a label */
	assert_int_equal(t.fpgaGetMetricsByIndex(h, by_index, 3, m), FPGA_OK);
	assert_true(m[0].isvalid && m[0].value.dvalue == 45.0);
	assert_false(m[1].isvalid);
	assert_true(m[2].isvalid && m[2].metric_num == 4 && m[2].value.dvalue == 12.096);
	assert_int_equal(t.fpgaGetMetricsByName(h, by_name, 5, m), FPGA_OK);
	assert_true(m[0].isvalid && m[0].metric_num == 1 && m[0].value.dvalue == 23.0);
	assert_true(!m[1].isvalid && !m[3].isvalid);
	assert_true(m[2].isvalid && m[2].value.dvalue == -5.5);
	assert_true(m[4].isvalid && m[4].value.dvalue == 23.0);
	assert_int_equal(t.fpgaGetMetricsByName(h, by_name + 1, 1, m), FPGA_NOT_FOUND);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

static void names_are_unique(void **state)
{
	fpga_handle h;

	(void)state;
	for (int i = 5; i < 8; i++) {
		char dir[100];

		snprintf(dir, sizeof(dir), "%s/hwmon/hwmon%d", DEVICE, i);
		fake_dfl_folder(dir);
		put_text(dir, "in1_input", "1\n");
		put_text(dir, "in1_label", i == 6 ? "Vcc\n" : "VCC\n");
	}
	h = open_one(FPGA_DEVICE, 0);
	assert_string_equal(name_of(h, 0), "VCC");
	assert_string_equal(name_of(h, 1), "Vcc_2");
	assert_string_equal(name_of(h, 2), "VCC_3");
	t.fpgaClose(h);
}

static void metrics_are_listed_once(void **state)
{
	uint64_t index[] = { 0, 1 };
	fpga_metric m[2];
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(num_metrics(h), 2);
	put_board_sensors();
	put_text(HEAT, "temp1_input", "46000\n"); /* values are read anew */
	put_text(DRAW, "power1_input", "rubbish\n");
	assert_int_equal(num_metrics(h), 2);
	assert_int_equal(t.fpgaGetMetricsByIndex(h, index, 2, m), FPGA_OK);
	assert_true(m[0].isvalid && m[0].value.dvalue == 46.0);
	assert_false(m[1].isvalid);
	assert_int_equal(t.fpgaGetMetricsByIndex(h, index + 1, 1, m), FPGA_NOT_FOUND);
	t.fpgaClose(h);
}

static void limits(void **state)
{
	struct metric_threshold l[8];
	uint32_t n = 0;
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	put_board_sensors();
	put_text(DRAW, "power1_max", "rubbish\n"); /* its only one */
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(t.fpgaGetMetricsThresholdInfo(h, NULL, &n), FPGA_OK);
	assert_int_equal(n, 2);
	n = 1;
	assert_int_equal(t.fpgaGetMetricsThresholdInfo(h, l, &n), FPGA_OK);
	assert_int_equal(n, 1);
	n = COUNT(l);
	assert_int_equal(t.fpgaGetMetricsThresholdInfo(h, l, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_string_equal(l[0].metric_name, "temperature");
	assert_true(l[0].upper_nr_threshold.is_valid && l[0].upper_nr_threshold.value == 100.0);
	assert_true(l[0].upper_c_threshold.is_valid && l[0].upper_c_threshold.value == 93.0);
	assert_true(l[0].upper_nc_threshold.is_valid && l[0].upper_nc_threshold.value == 90.0);
	assert_false(l[0].lower_c_threshold.is_valid);
	assert_false(l[0].hysteresis.is_valid);
	assert_true(*l[0].lower_nr_threshold.threshold_name);
	assert_false(l[1].upper_nr_threshold.is_valid);
	assert_true(l[1].lower_nc_threshold.is_valid && l[1].lower_nc_threshold.value == -10.0);
	assert_true(l[1].lower_c_threshold.is_valid && l[1].lower_c_threshold.value == -20.0);
	assert_true(l[1].hysteresis.is_valid && l[1].hysteresis.value == 2.5);
	t.fpgaClose(h);
}

static void no_metrics(void **state)
{
	uint64_t n = 5;
	uint32_t few = 0;
	fpga_handle h = open_one(FPGA_DEVICE, 0);

	(void)state;
	assert_int_equal(t.fpgaGetNumMetrics(h, &n), FPGA_NOT_FOUND);
	assert_int_equal(n, 5);
	assert_non_null(strstr(host_detail, "dfl-fme.0"));
	assert_int_equal(t.fpgaGetMetricsThresholdInfo(h, NULL, &few), FPGA_NOT_FOUND);
	t.fpgaClose(h);
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_int_equal(t.fpgaGetNumMetrics(h, &n), FPGA_NOT_FOUND);
	assert_non_null(strstr(host_detail, "no metrics feature"));
	t.fpgaClose(h);
}

static void counters_are_metrics(void **state)
{
	char *by_name[] = { "fab_mmio_read", "vtd_port_read_transaction", "clock" };
	fpga_metric_info info[3];
	uint64_t n = COUNT(info);
	fpga_metric m[3];
	fpga_handle h;

	(void)state;
	put_pmu();
	perf.value = 1000;
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(num_metrics(h), 3); /* but what is wrong, and what another counter forbids */
	assert_int_equal(perf.closed, 3); /* nobody asked for their values */
	assert_int_equal(perf.type, 17);
	assert_int_equal(perf.cpu, 1);
	assert_int_equal(perf.configs[2], 0x3000); /* of port 0, after the others */
	assert_int_equal(t.fpgaGetMetricsInfo(h, info, &n), FPGA_OK);
	assert_int_equal(info[2].metric_type, FPGA_METRIC_TYPE_PERFORMANCE_CTR);
	assert_int_equal(info[2].metric_datatype, FPGA_METRIC_DATATYPE_INT);
	assert_string_equal(info[2].group_name, "performance");
	assert_string_equal(info[2].qualifier_name, "performance:vtd_port_read_transaction");
	assert_int_equal(t.fpgaGetMetricsByName(h, by_name, 3, m), FPGA_OK);
	assert_true(m[0].isvalid && m[0].value.ivalue == 1006);
	assert_true(m[1].isvalid && m[1].value.ivalue == 1000);
	assert_int_equal(perf.starts, 3);
	perf.reading_errno = ENODEV;
	assert_int_equal(t.fpgaGetMetricsByName(h, by_name, 1, m), FPGA_NOT_FOUND);
	assert_int_equal(perf.starts, perf.stops);
	assert_int_equal(perf.opened, 6);
	assert_int_equal(perf.closed, 3);
	t.fpgaClose(h);
	assert_int_equal(perf.closed, 6);
}

static void counters_that_are_forbidden(void **state)
{
	static const char *const files[] = { "type", "cpumask", "format/event", "events/clock" };
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	put_pmu();
	perf.error = EACCES;
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(num_metrics(h), 2);
	t.fpgaClose(h);
	perf.error = 0;
	for (size_t i = 0; i < COUNT(files); i++) {
		put_text(PMU, files[i], "rubbish\n");
		h = open_one(FPGA_DEVICE, 0);
		assert_int_equal(num_metrics(h), i < 3 ? 2 : 4);
		t.fpgaClose(h);
		put_pmu();
		perf.opened = perf.closed = perf.of_card = 0;
	}
}

/* ---- an accelerator's ---- */

static void put_registers(const uint64_t *regs, size_t n)
{
	static uint64_t node[(FAKE_AFU_SIZE + FAKE_STP_SIZE) / 8];

	memset(node, 0, sizeof(node));
	memcpy(node, regs, n * sizeof(*regs));
	fake_dfl_put("/dev/dfl-port.0", node, sizeof(node));
}

#define HEADER(type, next, last) \
	((uint64_t)(type) << 60 | (uint64_t)(last) << 40 | (uint64_t)(next) << 16)
#define GROUP(number, units, next) \
	((uint64_t)(units) << 28 | (uint64_t)(number) << 36 | (uint64_t)(next) << 45)
#define COUNTER(number, value, last) \
	((uint64_t)(value) << 16 | (uint64_t)(number) << 8 | (uint64_t)(last) << 7)

static void metrics_of_an_accelerator(void **state)
{
	uint64_t regs[64] = { HEADER(1, 0x40, 0), [8] = HEADER(2, 0x40, 0), 1, 2, [16] = HEADER(2, 0, 1) };
	uint64_t index[] = { 0, 1, 2 };
	fpga_metric_info info[3];
	uint64_t n = COUNT(info);
	fpga_metric m[3];
	fpga_handle h;

	(void)state;
	regs[17] = UINT64_C(0x9d73e8f258e9e3d7);
	regs[18] = UINT64_C(0x87816958c1484cd0);
	regs[20] = GROUP(1, 7, 0x18);
	regs[21] = COUNTER(3, 500, 0);
	regs[22] = COUNTER(4, UINT64_C(0xffffffffffff), 1);
	regs[23] = GROUP(0x2a, 0, 0);
	regs[24] = COUNTER(1, 9, 1);
	put_registers(regs, COUNT(regs));
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_int_equal(num_metrics(h), 3);
	assert_int_equal(t.fpgaGetMetricsInfo(h, info, &n), FPGA_OK);
	assert_string_equal(info[0].metric_name, "3");
	assert_string_equal(info[0].metric_units, "7");
	assert_string_equal(info[2].qualifier_name, "AFU:2a");
	assert_int_equal(info[2].metric_type, FPGA_METRIC_TYPE_AFU);
	assert_int_equal(t.fpgaGetMetricsByIndex(h, index, 3, m), FPGA_OK);
	assert_int_equal(m[0].value.ivalue, 500);
	assert_int_equal(m[1].value.ivalue, UINT64_C(0xffffffffffff));
	assert_int_equal(m[2].value.ivalue, 9);
	t.fpgaClose(h);
}

/* Lists that have no end, or lead out of the region. */
static void accelerators_that_lie(void **state)
{
	uint64_t regs[64] = { HEADER(2, 8, 0) }, n;
	fpga_handle h;

	(void)state;
	put_registers(regs, 1);
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_int_equal(t.fpgaGetNumMetrics(h, &n), FPGA_NOT_FOUND);
	t.fpgaClose(h);
	regs[0] = HEADER(2, 0xfffffc, 0);
	put_registers(regs, 1);
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_int_equal(t.fpgaGetNumMetrics(h, &n), FPGA_NOT_FOUND);
	t.fpgaClose(h);
	regs[1] = UINT64_C(0x9d73e8f258e9e3d7);
	regs[2] = UINT64_C(0x87816958c1484cd0);
	for (size_t i = 4; i < COUNT(regs); i++)
		regs[i] = GROUP(1, 1, 8) | COUNTER(1, 0, 0); /* a group, and a counter that is not the last */
	put_registers(regs, COUNT(regs));
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_in_range(num_metrics(h), 1, 2048);
	t.fpgaClose(h);
}

/* ---- a kernel that refuses ---- */

/* All that a program asks of sensors; whether each call gave an answer that fits. */
static void ask_everything(fpga_handle h, fpga_event_handle e)
{
	char *name = NULL;
	struct metric_threshold l[16];
	fpga_metric_info info[16];
	uint64_t index = 0, n = COUNT(info);
	uint32_t num = COUNT(l);
	fpga_metric m;
	fpga_result r = t.fpgaGetMetricsInfo(h, info, &n);

	assert_true(r == FPGA_OK || r == FPGA_NOT_FOUND || r == FPGA_NO_MEMORY);
	r = t.fpgaGetMetricsByIndex(h, &index, 1, &m);
	assert_true(r == FPGA_OK ? m.isvalid : r == FPGA_NOT_FOUND || r == FPGA_NO_MEMORY);
	r = t.fpgaGetMetricsByName(h, &name, 1, &m);
	assert_true(r == FPGA_NOT_FOUND || r == FPGA_NO_MEMORY);
	r = t.fpgaGetMetricsThresholdInfo(h, l, &num);
	assert_true(r == FPGA_OK || r == FPGA_NOT_FOUND || r == FPGA_NO_MEMORY);
	r = t.fpgaRegisterEvent(h, FPGA_EVENT_POWER_THERMAL, e, 0);
	assert_true(r == FPGA_OK || r == FPGA_NOT_SUPPORTED || r == FPGA_NO_MEMORY || r == FPGA_EXCEPTION);
	if (r == FPGA_OK)
		assert_int_equal(t.fpgaUnregisterEvent(h, FPGA_EVENT_POWER_THERMAL, e), FPGA_OK);
}

static void every_call_fails_once(void **state)
{
	static const int errors[] = { ENOMEM, EIO, EMFILE };
	fpga_event_handle e;
	bool failed = true;

	(void)state;
	put_fme_sensors();
	put_board_sensors();
	put_pmu();
	assert_int_equal(t.create_event(t.instance, &e), FPGA_OK);
	for (int n = 1; failed; n++) {
		fpga_handle h = open_one(FPGA_DEVICE, 0);
		int fds = seam_count_fds();

		perf.opened = perf.closed = perf.of_card = 0;
		seam_arm(n, errors[(size_t)n % COUNT(errors)], false);
		ask_everything(h, e);
		failed = seam_failed();
		seam_disarm();
		ask_everything(h, e); /* and once more, when all is well */
		assert_int_equal(seam_count_fds() - fds, perf.opened - perf.closed);
		assert_int_equal(t.fpgaClose(h), FPGA_OK);
		fake_dfl_forget_opens();
	}
	t.fpgaDestroyEventHandle(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SENSORS(metrics_of_an_fme),
		SENSORS(names_are_unique),
		SENSORS(metrics_are_listed_once),
		SENSORS(limits),
		SENSORS(no_metrics),
		SENSORS(counters_are_metrics),
		SENSORS(counters_that_are_forbidden),
		SENSORS(metrics_of_an_accelerator),
		SENSORS(accelerators_that_lie),
		SENSORS(every_call_fails_once),
	};

	return RUN(tests);
}
