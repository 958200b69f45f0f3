/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics, limits and alarms of the local plugin on the kernel's own driver. The card ($OPAE_TEST_CARD)
 * is one with the faults heat=95,surge=80, and is called $OPAE_TEST_NAME. Runs as root;
 * $OPAE_TEST_PLAIN: as somebody who may not open counters, and then without those tests.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/vm/guest/dfl.h"
#include "tests/vm/guest/edu.h"

#define MOST 128u
#define SOON_MS 20000
#define LINES 64u

static fpga_handle fme;

static int up(void **state)
{
	(void)state;
	dfl_library();
	fme = dfl_open(FPGA_DEVICE, 0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	if (fme)
		expect(fpgaClose(fme), FPGA_OK, NULL);
	fme = NULL;
	expect(fpgaFinalize(), FPGA_OK, NULL);
	return 0;
}

static fpga_metric metric(const char *name)
{
	char text[64], *names[] = { text };
	fpga_metric m;

	snprintf(text, sizeof(text), "%s", name);
	expect(fpgaGetMetricsByName(fme, names, 1, &m), FPGA_OK, NULL);
	assert_true(m.isvalid);
	return m;
}

static fpga_metric_info info_of(const char *name)
{
	static fpga_metric_info all[MOST];
	uint64_t n = MOST, counted;

	expect(fpgaGetNumMetrics(fme, &counted), FPGA_OK, NULL);
	expect(fpgaGetMetricsInfo(fme, all, &n), FPGA_OK, NULL);
	assert_int_equal(n, counted);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(all[i].metric_num, i);
		if (!strcasecmp(all[i].metric_name, name))
			return all[i];
	}
	fail_msg("there is no metric %s", name);
	return all[0];
}

static void heat_and_power(void **state)
{
	uint64_t index;
	fpga_metric m;

	(void)state;
	assert_string_equal(info_of("temperature").qualifier_name, "thermal_mgmt:temperature");
	assert_string_equal(info_of("temperature").metric_units, "Celsius");
	assert_string_equal(info_of("consumed").metric_units, "Watts");
	assert_true(metric("Temperature").value.dvalue == 45.0);
	assert_true(metric("CONSUMED").value.dvalue == 23.0);
	index = info_of("consumed").metric_num;
	expect(fpgaGetMetricsByIndex(fme, &index, 1, &m), FPGA_OK, NULL);
	assert_true(m.isvalid && m.value.dvalue == 23.0);
}

static void limits(void **state)
{
	struct metric_threshold l[4];
	uint32_t n = 0;

	(void)state;
	expect(fpgaGetMetricsThresholdInfo(fme, NULL, &n), FPGA_OK, NULL);
	assert_int_equal(n, 2);
	expect(fpgaGetMetricsThresholdInfo(fme, l, &n), FPGA_OK, NULL);
	assert_string_equal(l[0].metric_name, "temperature");
	assert_true(l[0].upper_nc_threshold.is_valid && l[0].upper_nc_threshold.value == 90.0);
	assert_true(l[0].upper_c_threshold.is_valid && l[0].upper_c_threshold.value == 93.0);
	assert_true(l[0].upper_nr_threshold.is_valid && l[0].upper_nr_threshold.value == 100.0);
	assert_false(l[0].lower_c_threshold.is_valid);
	assert_true(l[1].upper_nc_threshold.is_valid && l[1].upper_nc_threshold.value == 75.0);
	assert_true(l[1].upper_c_threshold.is_valid && l[1].upper_c_threshold.value == 100.0);
}

static void an_accelerator_has_none(void **state)
{
	fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);
	uint64_t n;

	(void)state;
	expect(fpgaGetNumMetrics(h, &n), FPGA_NOT_FOUND, "no metrics feature");
	expect(fpgaClose(h), FPGA_OK, NULL);
}

/* ---- counters ---- */

static uint64_t count(const char *name)
{
	return metric(name).value.ivalue;
}

static void no_counters(void **state)
{
	uint64_t n;

	(void)state;
	expect(fpgaGetNumMetrics(fme, &n), FPGA_OK, NULL);
	assert_int_equal(n, 2);
}

/* Exactly what this program does: nobody else uses the accelerator. */
static void counters(void **state)
{
	fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);
	uint64_t clock, before;
	struct nlb n;

	(void)state;
	assert_int_equal(info_of("fab_mmio_read").metric_type, FPGA_METRIC_TYPE_PERFORMANCE_CTR);
	assert_int_equal(info_of("fab_mmio_read").metric_datatype, FPGA_METRIC_DATATYPE_INT);
	clock = count("clock");
	before = count("fab_mmio_read");
	for (int i = 0; i < 10; i++)
		read64(h, 0x100);
	assert_int_equal(count("fab_mmio_read") - before, 10);
	assert_int_equal(count("fab_mmio_read") - before, 10); /* a reading counts nothing twice */
	before = count("fab_mmio_write");
	for (int i = 0; i < 7; i++)
		write64(h, 0x100, 1);
	assert_int_equal(count("fab_mmio_write") - before, 7);
	nlb_buffers(h, &n, 64 * LINES);
	before = count("fab_pcie0_read");
	assert_int_equal(count("cache_read_hit"), 0);
	nlb_start(h, &n, LINES, 0);
	nlb_wait(&n);
	assert_int_equal(count("fab_pcie0_read") - before, LINES);
	assert_true(count("fab_pcie0_write") > LINES); /* the status line too */
	assert_true(count("vtd_port_read_transaction") > 0);
	assert_true(count("clock") > clock);
	nlb_release(h, &n);
	expect(fpgaClose(h), FPGA_OK, NULL);
}

/* ---- alarms ---- */

static fpga_event_handle watch(fpga_handle h)
{
	fpga_event_handle e;

	expect(fpgaCreateEventHandle(&e), FPGA_OK, NULL);
	expect(fpgaRegisterEvent(h, FPGA_EVENT_POWER_THERMAL, e, 0), FPGA_OK, NULL);
	return e;
}

static bool arrives(fpga_event_handle e, int within_ms)
{
	struct pollfd p = { .events = POLLIN };
	eventfd_t v;

	expect(fpgaGetOSObjectFromEventHandle(e, &p.fd), FPGA_OK, NULL);
	return poll(&p, 1, within_ms) == 1 && !eventfd_read(p.fd, &v);
}

static void unwatch(fpga_handle h, fpga_event_handle e)
{
	expect(fpgaUnregisterEvent(h, FPGA_EVENT_POWER_THERMAL, e), FPGA_OK, NULL);
	expect(fpgaDestroyEventHandle(&e), FPGA_OK, NULL);
}

/* The host sends it soon. */
static void signal_card(void)
{
	char command[96];

	snprintf(command, sizeof(command), "/rig/signal %s", getenv("OPAE_TEST_NAME"));
	assert_int_equal(dfl_run(command), 0);
}

static void until_temperature(double degrees)
{
	struct pollfd nothing;

	for (int i = 0; i < SOON_MS / 50 && metric("temperature").value.dvalue != degrees; i++)
		poll(&nothing, 0, 50);
	assert_true(metric("temperature").value.dvalue == degrees);
}

static void an_alarm(void **state)
{
	fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);
	fpga_event_handle one = watch(fme), two = watch(h), three;

	(void)state;
	assert_false(arrives(one, 0));
	signal_card();
	assert_true(arrives(one, SOON_MS));
	assert_true(arrives(two, SOON_MS));
	assert_true(metric("temperature").value.dvalue == 95.0);
	assert_true(metric("consumed").value.dvalue == 80.0);
	three = watch(fme);
	assert_true(arrives(three, 0)); /* they are on already */
	unwatch(fme, three);
	signal_card();
	until_temperature(45);
	unwatch(fme, one);
	unwatch(h, two);
	expect(fpgaClose(h), FPGA_OK, NULL);
}

/* It has the parent's descriptors, and not its threads: it can close, and the parent goes on. */
static void a_child_of_fork(void **state)
{
	fpga_event_handle e = watch(fme);
	int status;
	pid_t child;

	(void)state;
	count("clock");
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		alarm(SOON_MS / 1000); /* one that waits for the thread is ended */
		fpgaUnregisterEvent(fme, FPGA_EVENT_POWER_THERMAL, e);
		fpgaClose(fme);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	signal_card();
	assert_true(arrives(e, SOON_MS));
	assert_true(count("clock") > 0);
	signal_card();
	until_temperature(45);
	unwatch(fme, e);
}

/* The card's driver is taken away while all of this is in use. */
static void the_card_goes(void **state)
{
	fpga_event_handle e = watch(fme);
	uint64_t n, index = 0;
	fpga_metric m;
	struct pollfd nothing;
	fpga_result r;

	(void)state;
	metric("temperature");
	assert_int_equal(dfl_run(DFL_UNBIND), 0);
	for (int i = 0; i < SOON_MS / 50; i++) {
		r = fpgaGetMetricsByIndex(fme, &index, 1, &m);
		if (r == FPGA_EXCEPTION)
			break;
		poll(&nothing, 0, 50);
	}
	assert_int_equal(r, FPGA_EXCEPTION);
	expect(fpgaGetNumMetrics(fme, &n), FPGA_EXCEPTION, "is gone");
	fpgaUnregisterEvent(fme, FPGA_EVENT_POWER_THERMAL, e);
	expect(fpgaDestroyEventHandle(&e), FPGA_OK, NULL);
	expect(fpgaClose(fme), FPGA_EXCEPTION, NULL);
	assert_int_equal(dfl_run(DFL_BIND), 0);
	fme = dfl_open(FPGA_DEVICE, 0);
	assert_true(metric("temperature").value.dvalue == 45.0);
}

int main(void)
{
	const struct CMUnitTest plain[] = {
		RIGGED(heat_and_power),
		RIGGED(limits),
		RIGGED(no_counters),
	};
	const struct CMUnitTest tests[] = {
		RIGGED(heat_and_power),
		RIGGED(limits),
		RIGGED(an_accelerator_has_none),
		RIGGED(counters),
		RIGGED(an_alarm),
		RIGGED(a_child_of_fork),
		RIGGED(the_card_goes),
	};

	return getenv("OPAE_TEST_PLAIN") ? RUN(plain) : RUN(tests);
}
