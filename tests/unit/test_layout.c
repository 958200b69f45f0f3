/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers and layouts of OPAE 2.14 on x86-64, as programs that were compiled against it have them.
 * The compiler proves them; running the program only shows that it was compiled.
 */
#include <assert.h>
#include <opae/fpga.h>
#include <opae/vfio.h>

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

/* The low-level libraries. */
IS(OPAE_HASH_MAP_UNIQUE_KEYSPACE, 1);
IS(OPAE_VFIO_BUF_PREALLOCATED, 1);

SIZE(struct mem_link, 32);
AT(struct mem_link, address, 0);
AT(struct mem_link, size, 8);
AT(struct mem_link, prev, 16);
AT(struct mem_link, next, 24);
SIZE(struct mem_alloc, 64);
AT(struct mem_alloc, free, 0);
AT(struct mem_alloc, allocated, 32);
SIZE(opae_hash_map, 64);
AT(opae_hash_map, num_buckets, 0);
AT(opae_hash_map, hash_seed, 4);
AT(opae_hash_map, buckets, 8);
AT(opae_hash_map, flags, 16);
AT(opae_hash_map, cleanup_context, 24);
AT(opae_hash_map, key_hash, 32);
AT(opae_hash_map, key_compare, 40);
AT(opae_hash_map, key_cleanup, 48);
AT(opae_hash_map, value_cleanup, 56);
SIZE(opae_hash_map_item, 24);
AT(opae_hash_map_item, key, 0);
AT(opae_hash_map_item, value, 8);
AT(opae_hash_map_item, next, 16);

SIZE(struct opae_vfio, 264);
AT(struct opae_vfio, lock, 0);
AT(struct opae_vfio, cont_device, 40);
AT(struct opae_vfio, cont_pciaddr, 48);
AT(struct opae_vfio, cont_fd, 56);
AT(struct opae_vfio, cont_ranges, 64);
AT(struct opae_vfio, iova_alloc, 72);
AT(struct opae_vfio, group.group_device, 136);
AT(struct opae_vfio, group.group_fd, 144);
AT(struct opae_vfio, device.device_fd, 152);
AT(struct opae_vfio, device.device_config_offset, 160);
AT(struct opae_vfio, device.device_num_regions, 168);
AT(struct opae_vfio, device.regions, 176);
AT(struct opae_vfio, device.device_num_irqs, 184);
AT(struct opae_vfio, device.irqs, 192);
AT(struct opae_vfio, cont_buffers, 200);
SIZE(struct opae_vfio_buffer, 32);
AT(struct opae_vfio_buffer, buffer_ptr, 0);
AT(struct opae_vfio_buffer, buffer_size, 8);
AT(struct opae_vfio_buffer, buffer_iova, 16);
AT(struct opae_vfio_buffer, flags, 24);
SIZE(struct opae_vfio_device_region, 40);
AT(struct opae_vfio_device_region, region_index, 0);
AT(struct opae_vfio_device_region, region_ptr, 8);
AT(struct opae_vfio_device_region, region_size, 16);
AT(struct opae_vfio_device_region, region_sparse, 24);
AT(struct opae_vfio_device_region, next, 32);
SIZE(struct opae_vfio_sparse_info, 32);
AT(struct opae_vfio_sparse_info, index, 0);
AT(struct opae_vfio_sparse_info, offset, 4);
AT(struct opae_vfio_sparse_info, size, 8);
AT(struct opae_vfio_sparse_info, ptr, 16);
AT(struct opae_vfio_sparse_info, next, 24);
SIZE(struct opae_vfio_device_irq, 40);
AT(struct opae_vfio_device_irq, flags, 0);
AT(struct opae_vfio_device_irq, index, 4);
AT(struct opae_vfio_device_irq, count, 8);
AT(struct opae_vfio_device_irq, event_fds, 16);
AT(struct opae_vfio_device_irq, masks, 24);
AT(struct opae_vfio_device_irq, next, 32);
SIZE(struct opae_vfio_iova_range, 24);
AT(struct opae_vfio_iova_range, start, 0);
AT(struct opae_vfio_iova_range, end, 8);
AT(struct opae_vfio_iova_range, next, 16);

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
