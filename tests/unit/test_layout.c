/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers and layouts of OPAE 2.14 on x86-64, as programs that were compiled against it have them.
 * The compiler proves them; running the program only shows that it was compiled.
 */
#include <assert.h>
#include <opae/fpga.h>

#include "tests/unit/check.h"

#define IS(name, value) static_assert((name) == (value), #name)
#define SIZE(type, value) static_assert(sizeof(type) == (value), #type)
#define AT(type, member, value) static_assert(offsetof(type, member) == (value), #type "." #member)

IS(FPGA_OK, 0);
IS(FPGA_INVALID_PARAM, 1);
IS(FPGA_BUSY, 2);
IS(FPGA_EXCEPTION, 3);
IS(FPGA_NOT_FOUND, 4);
IS(FPGA_NO_MEMORY, 5);
IS(FPGA_NOT_SUPPORTED, 6);
IS(FPGA_NO_DRIVER, 7);
IS(FPGA_NO_DAEMON, 8);
IS(FPGA_NO_ACCESS, 9);
IS(FPGA_RECONF_ERROR, 10);
IS(FPGA_EVENT_INTERRUPT, 0);
IS(FPGA_EVENT_ERROR, 1);
IS(FPGA_EVENT_POWER_THERMAL, 2);
IS(FPGA_ACCELERATOR_ASSIGNED, 0);
IS(FPGA_ACCELERATOR_UNASSIGNED, 1);
IS(FPGA_DEVICE, 0);
IS(FPGA_ACCELERATOR, 1);
IS(FPGA_IFC_DFL, 0);
IS(FPGA_IFC_VFIO, 1);
IS(FPGA_IFC_SIM_DFL, 2);
IS(FPGA_IFC_SIM_VFIO, 3);
IS(FPGA_IFC_UIO, 4);
IS(FPGA_BUF_PREALLOCATED, 1);
IS(FPGA_BUF_QUIET, 2);
IS(FPGA_BUF_READ_ONLY, 4);
IS(FPGA_OPEN_SHARED, 1);
IS(FPGA_OPEN_HAS_PARENT_AFU, 2);
IS(FPGA_RECONF_FORCE, 1);
IS(FPGA_RECONF_SKIP_USRCLK, 2);
IS(FPGA_OBJECT_SYNC, 1);
IS(FPGA_OBJECT_GLOB, 2);
IS(FPGA_OBJECT_RAW, 4);
IS(FPGA_OBJECT_RECURSE_ONE, 8);
IS(FPGA_OBJECT_RECURSE_ALL, 16);
IS(FPGA_OBJECT_CONTAINER, 1);
IS(FPGA_OBJECT_ATTRIBUTE, 2);
IS(FPGA_METRIC_TYPE_POWER, 0);
IS(FPGA_METRIC_TYPE_THERMAL, 1);
IS(FPGA_METRIC_TYPE_PERFORMANCE_CTR, 2);
IS(FPGA_METRIC_TYPE_AFU, 3);
IS(FPGA_METRIC_TYPE_UNKNOWN, 4);
IS(FPGA_METRIC_DATATYPE_INT, 0);
IS(FPGA_METRIC_DATATYPE_FLOAT, 1);
IS(FPGA_METRIC_DATATYPE_DOUBLE, 2);
IS(FPGA_METRIC_DATATYPE_BOOL, 3);
IS(FPGA_METRIC_DATATYPE_UNKNOWN, 4);
IS(OPAE_LOG_ERROR, 0);
IS(OPAE_LOG_MESSAGE, 1);
IS(OPAE_LOG_DEBUG, 2);

IS(FPGA_ERROR_NAME_MAX, 64);
IS(FPGA_METRIC_STR_SIZE, 256);
IS(FPGA_VERSION_STR_MAX, 10);
IS(FPGA_BUILD_STR_MAX, 41);

SIZE(fpga_token, 8);
SIZE(fpga_guid, 16);
SIZE(fpga_version, 4);
SIZE(struct fpga_error_info, 65);
AT(struct fpga_error_info, can_clear, 64);
SIZE(metric_value, 8);
SIZE(fpga_metric_info, 1056);
AT(fpga_metric_info, metric_guid, 8);
AT(fpga_metric_info, qualifier_name, 24);
AT(fpga_metric_info, group_name, 280);
AT(fpga_metric_info, metric_name, 536);
AT(fpga_metric_info, metric_units, 792);
AT(fpga_metric_info, metric_datatype, 1048);
AT(fpga_metric_info, metric_type, 1052);
SIZE(fpga_metric, 24);
AT(fpga_metric, value, 8);
AT(fpga_metric, isvalid, 16);
SIZE(threshold, 272);
AT(threshold, is_valid, 256);
AT(threshold, value, 264);
SIZE(metric_threshold, 2160);
AT(metric_threshold, upper_nr_threshold, 256);
AT(metric_threshold, hysteresis, 256 + 6 * 272);
SIZE(fpga_token_header, 64);
AT(fpga_token_header, vendor_id, 8);
AT(fpga_token_header, device_id, 10);
AT(fpga_token_header, segment, 12);
AT(fpga_token_header, bus, 14);
AT(fpga_token_header, device, 15);
AT(fpga_token_header, function, 16);
AT(fpga_token_header, interface, 20);
AT(fpga_token_header, objtype, 24);
AT(fpga_token_header, object_id, 32);
AT(fpga_token_header, guid, 40);
AT(fpga_token_header, subsystem_vendor_id, 56);
AT(fpga_token_header, subsystem_device_id, 58);

static void parent_and_child(void **state)
{
	fpga_token_header p = { .objtype = FPGA_DEVICE, .bus = 3, .device = 1, .function = 0 };
	fpga_token_header c = { .objtype = FPGA_ACCELERATOR, .bus = 3, .device = 1, .function = 4 };

	(void)state;
	assert_true(fpga_is_parent_child(&p, &c));
	assert_false(fpga_is_parent_child(&c, &p));
	c.bus = 4;
	assert_false(fpga_is_parent_child(&p, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parent_and_child) };

	return RUN(tests);
}
