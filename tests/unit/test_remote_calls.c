/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plain calls over client and session: errors, metrics, ports, reconfiguration, clocks. Objects are in
 * test_remote_objects.c; what a server could do to its client in test_remote_lies.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/calls-rig.h"
#include "wire/limits.h"

/* ---- errors ---- */

static void errors_are_read_and_cleared(void **state)
{
	struct fpga_error_info info;
	uint64_t v = 0;

	(void)state;
	assert_int_equal(far.fpgaReadError(devices[0], 1, &v), FPGA_OK);
	assert_int_equal(v, 0x11);
	assert_int_equal(far.fpgaGetErrorInfo(devices[0], 1, &info), FPGA_OK);
	assert_string_equal(info.name, "second");
	assert_true(info.can_clear);
	assert_int_equal(far.fpgaGetErrorInfo(accelerators[1], 2, &info), FPGA_OK);
	assert_string_equal(info.name, "stuck");
	assert_false(info.can_clear);
	assert_int_equal(far.fpgaClearError(devices[0], 0), FPGA_OK);
	assert_int_equal(fake_manage.errors[0], 0);
	assert_int_equal(fake_manage.errors[1], 0x11);
	assert_int_equal(far.fpgaClearAllErrors(devices[0]), FPGA_OK);
	assert_int_equal(fake_manage.errors[1], 0);
	assert_int_equal(fake_manage.errors[2], 0x12);
}

static void errors_tell_why_not(void **state)
{
	struct fpga_error_info info = { .name = "as before" };
	uint64_t v = 77;

	(void)state;
	assert_int_equal(far.fpgaReadError(devices[0], 3, &v), FPGA_NOT_FOUND);
	assert_reason("the model has no error 3");
	assert_int_equal(v, 77);
	assert_int_equal(far.fpgaGetErrorInfo(devices[0], UINT32_MAX, &info), FPGA_NOT_FOUND);
	assert_reason("no error 4294967295");
	assert_string_equal(info.name, "as before");
	assert_int_equal(far.fpgaClearError(devices[0], 2), FPGA_NOT_SUPPORTED);
	assert_reason("cannot clear \"stuck\"");
}

/* ---- metrics ---- */

static void metrics_are_listed(void **state)
{
	fpga_metric_info *info = calloc(201, sizeof(*info));
	uint64_t n = 0;

	(void)state;
	assert_non_null(info);
	fake_manage.num_metrics = 200; /* 8 to 20 KiB: several frames */
	assert_int_equal(far.fpgaGetNumMetrics(handle, &n), FPGA_OK);
	assert_int_equal(n, 200);
	n = 201;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, info, &n), FPGA_OK);
	assert_int_equal(n, 200);
	for (uint64_t i = 0; i < n; i++) {
		char name[40];

		assert_int_equal(info[i].metric_num, i);
		assert_int_equal(info[i].metric_guid[1], (uint8_t)i);
		snprintf(name, sizeof(name), "metric%llu", (unsigned long long)i);
		assert_string_equal(info[i].metric_name, name);
		snprintf(name, sizeof(name), "group:metric%llu", (unsigned long long)i);
		assert_string_equal(info[i].qualifier_name, name);
		assert_int_equal(info[i].metric_datatype, FPGA_METRIC_DATATYPE_DOUBLE);
		assert_int_equal(info[i].metric_type, FPGA_METRIC_TYPE_THERMAL);
	}
	memset(info, 0x77, sizeof(*info) * 201);
	n = 3;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, info, &n), FPGA_OK);
	assert_int_equal(n, 3);
	assert_string_equal(info[2].metric_name, "metric2");
	assert_int_equal(info[3].metric_name[0], 0x77);
	free(info);
}

static void metrics_fill_many_frames(void **state)
{
	enum { MANY = 3000 };
	fpga_metric_info *info = calloc(MANY, sizeof(*info));
	metric_threshold *limits = calloc(MANY, sizeof(*limits));
	uint64_t n = MANY;
	uint32_t num = MANY;

	(void)state;
	assert_non_null(info);
	assert_non_null(limits);
	fake_manage.num_metrics = fake_manage.num_limits = MANY;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, info, &n), FPGA_OK);
	assert_int_equal(n, MANY);
	assert_string_equal(info[MANY - 1].metric_name, "metric2999");
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, limits, &num), FPGA_OK);
	assert_int_equal(num, MANY);
	assert_string_equal(limits[MANY - 1].metric_name, "metric2999");
	free(info);
	free(limits);
}

static void metrics_are_not_believed_without_end(void **state)
{
	fpga_metric_info info;
	uint64_t n = 1;
	uint32_t num = 0;

	(void)state;
	fake_manage.num_metrics = UINT64_MAX / sizeof(info) + 1;
	fake_manage.num_limits = UINT32_MAX;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_EXCEPTION);
	assert_reason("more than the");
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, NULL, &num), FPGA_EXCEPTION);
	assert_reason("more than the");
}

static void odd_labels_arrive_as_question_marks(void **state)
{
	fpga_metric_info info;
	uint64_t n = 1;

	(void)state;
	fake_manage.odd_labels = true;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_OK);
	assert_int_equal(strlen(info.metric_name), FPGA_METRIC_STR_SIZE - 1);
	assert_int_equal(strspn(info.metric_name, "?"), FPGA_METRIC_STR_SIZE - 1);
}

static void metrics_are_read_by_index(void **state)
{
	uint64_t nums[] = { 3, 0, 4, 1, 99 };
	fpga_metric m[6];

	(void)state;
	memset(m, 0x77, sizeof(m));
	assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, 5, m), FPGA_OK);
	assert_int_equal(m[0].metric_num, 3);
	assert_true(m[0].value.ivalue == UINT64_C(0x7ff0000000000123)); /* still signalling */
	assert_true(m[0].isvalid);
	assert_int_equal(m[1].value.ivalue, 0);
	assert_false(m[2].isvalid);
	assert_int_equal(m[3].value.ivalue, 3);
	assert_false(m[4].isvalid);
	assert_int_equal(m[4].metric_num, 99);
	assert_int_equal(((unsigned char *)&m[5])[0], 0x77);
	nums[0] = 4;
	assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, 1, m), FPGA_NOT_FOUND);
	assert_reason("none of 1");
	assert_int_equal(m[0].metric_num, 4);
	assert_false(m[0].isvalid);
	assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, 0, m), FPGA_NOT_FOUND);
}

/* More than a request has, the first of which bring nothing. */
static void metrics_are_read_in_several_requests(void **state)
{
	enum { MANY = 5000 };
	char none[] = "metric4", some[] = "metric2";
	uint64_t *nums = calloc(MANY, sizeof(*nums));
	char **names = calloc(MANY, sizeof(*names));
	fpga_metric *m = calloc(MANY, sizeof(*m));

	(void)state;
	assert_true(nums && names && m);
	for (uint64_t i = 0; i < MANY; i++)
		nums[i] = i < 2000 ? 4 : i % 4;
	assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, MANY, m), FPGA_OK);
	for (uint64_t i = 0; i < MANY; i++) {
		assert_int_equal(m[i].metric_num, nums[i]);
		assert_int_equal(m[i].isvalid, i >= 2000);
	}
	for (uint64_t i = 0; i < MANY; i++)
		nums[i] = 4;
	assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, MANY, m), FPGA_NOT_FOUND);
	for (uint64_t i = 0; i < MANY; i++)
		names[i] = none;
	names[MANY - 1] = some;
	assert_int_equal(far.fpgaGetMetricsByName(handle, names, MANY, m), FPGA_OK);
	assert_int_equal(m[MANY - 1].value.ivalue, 6);
	assert_false(m[0].isvalid);
	free(nums);
	free(names);
	free(m);
}

static void metrics_are_read_by_name(void **state)
{
	char long_name[5000], one[] = "metric1", none[] = "other", latin[] = "caf\xe9";
	char *names[] = { one, none, NULL, long_name, latin };
	fpga_metric m[5];

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(far.fpgaGetMetricsByName(handle, names, 5, m), FPGA_OK);
	assert_int_equal(m[0].value.ivalue, 3);
	assert_true(m[0].isvalid);
	for (int i = 1; i < 5; i++)
		assert_false(m[i].isvalid);
	assert_int_equal(far.fpgaGetMetricsByName(handle, names + 1, 4, m), FPGA_NOT_FOUND);
	assert_reason("none of 4");
}

static void limits_are_counted_and_told(void **state)
{
	metric_threshold t[4];
	uint32_t n = 0;

	(void)state;
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, NULL, &n), FPGA_OK);
	assert_int_equal(n, 3);
	memset(t, 0x77, sizeof(t));
	n = 2;
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, t, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_string_equal(t[1].metric_name, "metric1");
	assert_string_equal(t[1].upper_nr_threshold.threshold_name, "upper1");
	assert_true(t[1].upper_nr_threshold.value == 81.5);
	assert_int_equal(t[1].upper_c_threshold.is_valid, 0);
	assert_true(t[1].hysteresis.value == 0 && 1 / t[1].hysteresis.value < 0); /* -0.0 */
	assert_int_equal(t[2].metric_name[0], 0x77);
	fake_manage.num_limits = 0;
	n = 4;
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, t, &n), FPGA_NOT_FOUND);
	assert_reason("no limits");
}

/* ---- ports and clocks ---- */

static void ports_are_assigned(void **state)
{
	(void)state;
	assert_int_equal(far.fpgaAssignPortToInterface(handle, 1, 2, 7), FPGA_OK);
	assert_int_equal(fake_manage.interface, 1);
	assert_int_equal(fake_manage.port, 2);
	assert_int_equal(fake_manage.flags, 7);
	assert_int_equal(far.fpgaAssignPortToInterface(handle, 0, 4, 0), FPGA_INVALID_PARAM);
	assert_reason("no port 4");
	assert_int_equal(far.fpgaAssignToInterface(handle, accelerators[0], 5, 1), FPGA_OK);
	assert_int_equal(fake_manage.assigned, 1);
	assert_int_equal(fake_manage.interface, 5);
	assert_int_equal(far.fpgaReleaseFromInterface(handle, accelerators[0]), FPGA_OK);
	assert_int_equal(fake_manage.released, 1);
}

static void another_hosts_accelerator_is_refused(void **state)
{
	(void)state;
	assert_int_equal(far.fpgaAssignToInterface(handle, accelerators[1], 0, 0), FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "host far1"));
	assert_int_equal(far.fpgaReleaseFromInterface(handle, accelerators[1]), FPGA_INVALID_PARAM);
	assert_int_equal(fake_manage.assigned, 0);
	assert_int_equal(fake_manage.released, 0);
}

static void clocks_are_set_and_measured(void **state)
{
	uint64_t high = 0, low = 0;

	(void)state;
	assert_int_equal(far.fpgaGetUserClock(handle, &high, &low, 0), FPGA_OK);
	assert_int_equal(high, 312000000);
	assert_int_equal(low, 156000000);
	assert_int_equal(far.fpgaSetUserClock(handle, 400, 200, 0), FPGA_OK);
	assert_int_equal(far.fpgaGetUserClock(handle, &high, &low, 0), FPGA_OK);
	assert_int_equal(high, 400000000);
	assert_int_equal(far.fpgaSetUserClock(handle, UINT64_MAX, 200, 0), FPGA_INVALID_PARAM);
	assert_reason("at most 1200");
	high = 7;
	assert_int_equal(far.fpgaGetUserClock(handle, &high, &low, 3), FPGA_INVALID_PARAM);
	assert_int_equal(high, 7);
}

/* ---- reconfiguration ---- */

static uint8_t *bitstream_of(size_t len)
{
	uint8_t *b = malloc(len + 1);

	assert_non_null(b);
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
	return b;
}

static void bitstreams_arrive_whole(void **state)
{
	static const size_t lens[] = { 0, 1, WIRE_BULK - 1, WIRE_BULK, WIRE_BULK + 1, 1 << 20, 5000003 };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *b = bitstream_of(lens[i]);

		assert_int_equal(far.fpgaReconfigureSlot(handle, (uint32_t)i, b, lens[i],
							 FPGA_RECONF_FORCE | FPGA_RECONF_SKIP_USRCLK),
				 FPGA_OK);
		assert_int_equal(fake_manage.slot, i);
		assert_int_equal(fake_manage.flags, FPGA_RECONF_FORCE | FPGA_RECONF_SKIP_USRCLK);
		assert_int_equal(fake_manage.bitstream_len, lens[i]);
		assert_memory_equal(fake_manage.bitstream, b, lens[i]);
		free(b);
	}
	assert_int_equal(atomic_load(&fake_manage.loads), 7);
}

static void refused_bitstreams_tell_why(void **state)
{
	uint8_t *b = bitstream_of(100000);

	(void)state;
	fake_manage.load_result = FPGA_RECONF_ERROR;
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, 100000, 0), FPGA_RECONF_ERROR);
	assert_reason("does not take it");
	fake_manage.load_result = FPGA_OK;
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, 100000, 0), FPGA_OK);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, (size_t)WIRE_BITSTREAM_MAX + 1, 0),
			 FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "at most 268435456"));
	assert_int_equal(atomic_load(&fake_manage.loads), 2);
	free(b);
}

static void *reconfigure(void *arg)
{
	uint8_t b[100] = { 0 };

	*(fpga_result *)arg = far.fpgaReconfigureSlot(handle, 1, b, sizeof(b), 0);
	return NULL;
}

/* While one runs, other calls are served: those of the handle after it, those of others at once. */
static void others_are_served_meanwhile(void **state)
{
	fpga_result r = FPGA_EXCEPTION;
	uint8_t b = 0;
	uint64_t v;
	pthread_t t;

	(void)state;
	atomic_store(&fake_manage.hold, true);
	assert_int_equal(pthread_create(&t, NULL, reconfigure, &r), 0);
	await_true(&fake_manage.held);
	assert_int_equal(far.fpgaReadError(devices[0], 0, &v), FPGA_OK);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, &b, 1, 0), FPGA_BUSY);
	assert_reason("another thread");
	atomic_store(&fake_manage.hold, false);
	pthread_join(t, NULL);
	assert_int_equal(r, FPGA_OK);
	assert_int_equal(atomic_load(&fake_manage.loads), 1);
}

/* The server is ended while it loads: the caller is told at once, and the load comes to its own end. */
static void a_cut_during_the_load(void **state)
{
	unsigned int before = atomic_load(&hosts[0].ended);
	fpga_result r = FPGA_OK;
	pthread_t t;

	(void)state;
	atomic_store(&fake_manage.hold, true);
	assert_int_equal(pthread_create(&t, NULL, reconfigure, &r), 0);
	await_true(&fake_manage.held);
	served_host_cut(&hosts[0]);
	pthread_join(t, NULL);
	assert_int_equal(r, FPGA_EXCEPTION);
	assert_int_equal(atomic_load(&hosts[0].ended), before); /* it waits for the device */
	atomic_store(&fake_manage.hold, false);
	await_number(&hosts[0].ended, before + 1);
}

/* ---- what the policy says ---- */

static void calls_need_their_class(void **state)
{
	uint64_t v, low;
	uint8_t b = 0;
	fpga_object o;
	uint32_t n;
	fpga_handle h;

	(void)state;
	assert_int_equal(far.fpgaClose(handle), FPGA_OK);
	handle = NULL;
	rights = WIRE_RIGHT_SEE;
	served_host_cut(&hosts[0]);
	await_number(&hosts[0].ended, 1);
	assert_int_equal(far.enumerate(far.instance, NULL, 0, NULL, 0, &n), FPGA_OK);
	assert_int_equal(far.fpgaReadError(devices[0], 0, &v), FPGA_NO_ACCESS);
	assert_reason("\"error\"");
	assert_int_equal(far.fpgaClearAllErrors(devices[0]), FPGA_NO_ACCESS);
	assert_int_equal(far.fpgaOpen(devices[0], &h, 0), FPGA_OK);
	assert_int_equal(far.fpgaReconfigureSlot(h, 0, &b, 1, 0), FPGA_NO_ACCESS);
	assert_reason("\"reconfigure\"");
	assert_int_equal(far.fpgaAssignPortToInterface(h, 0, 0, 0), FPGA_NO_ACCESS);
	assert_int_equal(far.fpgaSetUserClock(h, 100, 50, 0), FPGA_NO_ACCESS);
	assert_int_equal(far.fpgaGetUserClock(h, &v, &low, 0), FPGA_NO_ACCESS);
	assert_reason("\"mmio-read\"");
	assert_int_equal(far.fpgaHandleGetObject(h, "num", &o, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectWrite64(o, 3, 0), FPGA_NO_ACCESS);
	assert_reason("\"admin\"");
	assert_int_equal(fake_manage.num, 42);
	assert_int_equal(atomic_load(&fake_manage.loads), 0);
	far.fpgaDestroyObject(&o);
	assert_int_equal(far.fpgaClose(h), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS(errors_are_read_and_cleared),
		CALLS(errors_tell_why_not),
		CALLS(metrics_are_listed),
		CALLS(metrics_fill_many_frames),
		CALLS(metrics_are_not_believed_without_end),
		CALLS(odd_labels_arrive_as_question_marks),
		CALLS(metrics_are_read_by_index),
		CALLS(metrics_are_read_in_several_requests),
		CALLS(metrics_are_read_by_name),
		CALLS(limits_are_counted_and_told),
		CALLS(ports_are_assigned),
		CALLS(another_hosts_accelerator_is_refused),
		CALLS(clocks_are_set_and_measured),
		CALLS(bitstreams_arrive_whole),
		CALLS(refused_bitstreams_tell_why),
		CALLS(others_are_served_meanwhile),
		CALLS(a_cut_during_the_load),
		CALLS(calls_need_their_class),
	};

	return RUN(tests);
}
