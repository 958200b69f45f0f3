/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One stub for each slot of the adapter table that must be callable. A plugin fills what it has; the
 * rest answers FPGA_NOT_SUPPORTED, so that no caller tests for NULL.
 */
#include "lib/host.h"
#include "lib/pluginldr.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

static fpga_result not_supported(const char *call)
{
	detail_set("%s: the plugin of this device does not have it", call);
	return FPGA_NOT_SUPPORTED;
}

static fpga_result no_enumerate(void *instance, const fpga_properties *filters,
				uint32_t num_filters, fpga_token *tokens, uint32_t max_tokens,
				uint32_t *num_matches)
{
	return not_supported("enumerate");
}

static fpga_result no_fpgaCloneToken(fpga_token src, fpga_token *dst)
{
	return not_supported("fpgaCloneToken");
}

static fpga_result no_fpgaDestroyToken(fpga_token *token)
{
	return not_supported("fpgaDestroyToken");
}

static fpga_result no_fpgaGetProperties(fpga_token token, fpga_properties *prop)
{
	return not_supported("fpgaGetProperties");
}

static fpga_result no_fpgaUpdateProperties(fpga_token token, fpga_properties prop)
{
	return not_supported("fpgaUpdateProperties");
}

static fpga_result no_fpgaReadError(fpga_token token, uint32_t error_num, uint64_t *value)
{
	return not_supported("fpgaReadError");
}

static fpga_result no_fpgaClearError(fpga_token token, uint32_t error_num)
{
	return not_supported("fpgaClearError");
}

static fpga_result no_fpgaClearAllErrors(fpga_token token)
{
	return not_supported("fpgaClearAllErrors");
}

static fpga_result no_fpgaGetErrorInfo(fpga_token token, uint32_t error_num,
				       struct fpga_error_info *error_info)
{
	return not_supported("fpgaGetErrorInfo");
}

static fpga_result no_fpgaOpen(fpga_token token, fpga_handle *handle, int flags)
{
	return not_supported("fpgaOpen");
}

static fpga_result no_fpgaClose(fpga_handle handle)
{
	return not_supported("fpgaClose");
}

static fpga_result no_fpgaReset(fpga_handle handle)
{
	return not_supported("fpgaReset");
}

static fpga_result no_fpgaGetPropertiesFromHandle(fpga_handle handle, fpga_properties *prop)
{
	return not_supported("fpgaGetPropertiesFromHandle");
}

static fpga_result no_quiesce(fpga_handle handle)
{
	return not_supported("quiesce");
}

static fpga_result no_fpgaReadMMIO64(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				     uint64_t *value)
{
	return not_supported("fpgaReadMMIO64");
}

static fpga_result no_fpgaWriteMMIO64(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				      uint64_t value)
{
	return not_supported("fpgaWriteMMIO64");
}

static fpga_result no_fpgaReadMMIO32(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				     uint32_t *value)
{
	return not_supported("fpgaReadMMIO32");
}

static fpga_result no_fpgaWriteMMIO32(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				      uint32_t value)
{
	return not_supported("fpgaWriteMMIO32");
}

static fpga_result no_fpgaWriteMMIO512(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				       const void *value)
{
	return not_supported("fpgaWriteMMIO512");
}

static fpga_result no_fpgaMapMMIO(fpga_handle handle, uint32_t mmio_num, uint64_t **mmio_ptr)
{
	return not_supported("fpgaMapMMIO");
}

static fpga_result no_fpgaUnmapMMIO(fpga_handle handle, uint32_t mmio_num)
{
	return not_supported("fpgaUnmapMMIO");
}

static fpga_result no_mmio_info(fpga_handle handle, uint32_t mmio_num,
				struct opaex_mmio_info *info)
{
	return not_supported("mmio_info");
}

static fpga_result no_fpgaPrepareBuffer(fpga_handle handle, uint64_t len, void **buf_addr,
					uint64_t *wsid, int flags)
{
	return not_supported("fpgaPrepareBuffer");
}

static fpga_result no_fpgaReleaseBuffer(fpga_handle handle, uint64_t wsid)
{
	return not_supported("fpgaReleaseBuffer");
}

static fpga_result no_fpgaGetIOAddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	return not_supported("fpgaGetIOAddress");
}

static fpga_result no_fpgaBindSVA(fpga_handle handle, uint32_t *pasid)
{
	return not_supported("fpgaBindSVA");
}

static fpga_result no_pin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	return not_supported("pin_buffer");
}

static fpga_result no_unpin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	return not_supported("unpin_buffer");
}

static fpga_result no_get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf,
				  uint64_t *len)
{
	return not_supported("get_ws_info");
}

static fpga_result no_create_event(void *instance, fpga_event_handle *event_handle)
{
	return not_supported("create_event");
}

static fpga_result no_fpgaDestroyEventHandle(fpga_event_handle *event_handle)
{
	return not_supported("fpgaDestroyEventHandle");
}

static fpga_result no_fpgaGetOSObjectFromEventHandle(const fpga_event_handle eh, int *fd)
{
	return not_supported("fpgaGetOSObjectFromEventHandle");
}

static fpga_result no_fpgaRegisterEvent(fpga_handle handle, fpga_event_type event_type,
					fpga_event_handle event_handle, uint32_t flags)
{
	return not_supported("fpgaRegisterEvent");
}

static fpga_result no_fpgaUnregisterEvent(fpga_handle handle, fpga_event_type event_type,
					  fpga_event_handle event_handle)
{
	return not_supported("fpgaUnregisterEvent");
}

static fpga_result no_fpgaAssignPortToInterface(fpga_handle fpga, uint32_t interface_num,
						uint32_t slot_num, int flags)
{
	return not_supported("fpgaAssignPortToInterface");
}

static fpga_result no_fpgaAssignToInterface(fpga_handle fpga, fpga_token accelerator,
					    uint32_t host_interface, int flags)
{
	return not_supported("fpgaAssignToInterface");
}

static fpga_result no_fpgaReleaseFromInterface(fpga_handle fpga, fpga_token accelerator)
{
	return not_supported("fpgaReleaseFromInterface");
}

static fpga_result no_fpgaReconfigureSlot(fpga_handle fpga, uint32_t slot,
					  const uint8_t *bitstream, size_t bitstream_len,
					  int flags)
{
	return not_supported("fpgaReconfigureSlot");
}

static fpga_result no_fpgaSetUserClock(fpga_handle handle, uint64_t high_clk, uint64_t low_clk,
				       int flags)
{
	return not_supported("fpgaSetUserClock");
}

static fpga_result no_fpgaGetUserClock(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk,
				       int flags)
{
	return not_supported("fpgaGetUserClock");
}

static fpga_result no_fpgaTokenGetObject(fpga_token token, const char *name, fpga_object *object,
					 int flags)
{
	return not_supported("fpgaTokenGetObject");
}

static fpga_result no_fpgaHandleGetObject(fpga_handle handle, const char *name,
					  fpga_object *object, int flags)
{
	return not_supported("fpgaHandleGetObject");
}

static fpga_result no_fpgaObjectGetObject(fpga_object parent, const char *name,
					  fpga_object *object, int flags)
{
	return not_supported("fpgaObjectGetObject");
}

static fpga_result no_fpgaObjectGetObjectAt(fpga_object parent, size_t idx, fpga_object *object)
{
	return not_supported("fpgaObjectGetObjectAt");
}

static fpga_result no_fpgaDestroyObject(fpga_object *object)
{
	return not_supported("fpgaDestroyObject");
}

static fpga_result no_fpgaObjectRead(fpga_object object, uint8_t *buffer, size_t offset,
				     size_t len, int flags)
{
	return not_supported("fpgaObjectRead");
}

static fpga_result no_fpgaObjectRead64(fpga_object object, uint64_t *value, int flags)
{
	return not_supported("fpgaObjectRead64");
}

static fpga_result no_fpgaObjectGetSize(fpga_object object, uint32_t *value, int flags)
{
	return not_supported("fpgaObjectGetSize");
}

static fpga_result no_fpgaObjectGetType(fpga_object object, enum fpga_sysobject_type *type)
{
	return not_supported("fpgaObjectGetType");
}

static fpga_result no_fpgaObjectWrite64(fpga_object object, uint64_t value, int flags)
{
	return not_supported("fpgaObjectWrite64");
}

static fpga_result no_fpgaGetNumMetrics(fpga_handle handle, uint64_t *num_metrics)
{
	return not_supported("fpgaGetNumMetrics");
}

static fpga_result no_fpgaGetMetricsInfo(fpga_handle handle, fpga_metric_info *metric_info,
					 uint64_t *num_metrics)
{
	return not_supported("fpgaGetMetricsInfo");
}

static fpga_result no_fpgaGetMetricsByIndex(fpga_handle handle, uint64_t *metric_num,
					    uint64_t num_metric_indexes, fpga_metric *metrics)
{
	return not_supported("fpgaGetMetricsByIndex");
}

static fpga_result no_fpgaGetMetricsByName(fpga_handle handle, char **metrics_names,
					   uint64_t num_metric_names, fpga_metric *metrics)
{
	return not_supported("fpgaGetMetricsByName");
}

static fpga_result no_fpgaGetMetricsThresholdInfo(fpga_handle handle,
						  struct metric_threshold *metric_thresholds,
						  uint32_t *num_thresholds)
{
	return not_supported("fpgaGetMetricsThresholdInfo");
}

#define FILL(slot)                                                                                 \
	do {                                                                                       \
		if (!table->slot)                                                                  \
			table->slot = no_##slot;                                                   \
	} while (0)

static void fill_access(opae_api_adapter_table *table)
{
	FILL(enumerate);
	FILL(fpgaCloneToken);
	FILL(fpgaDestroyToken);
	FILL(fpgaGetProperties);
	FILL(fpgaUpdateProperties);
	FILL(fpgaReadError);
	FILL(fpgaClearError);
	FILL(fpgaClearAllErrors);
	FILL(fpgaGetErrorInfo);
	FILL(fpgaOpen);
	FILL(fpgaClose);
	FILL(fpgaReset);
	FILL(fpgaGetPropertiesFromHandle);
	FILL(quiesce);
	FILL(fpgaReadMMIO64);
	FILL(fpgaWriteMMIO64);
	FILL(fpgaReadMMIO32);
	FILL(fpgaWriteMMIO32);
	FILL(fpgaWriteMMIO512);
	FILL(fpgaMapMMIO);
	FILL(fpgaUnmapMMIO);
	FILL(mmio_info);
	FILL(fpgaPrepareBuffer);
	FILL(fpgaReleaseBuffer);
	FILL(fpgaGetIOAddress);
	FILL(fpgaBindSVA);
	FILL(pin_buffer);
	FILL(unpin_buffer);
	FILL(get_ws_info);
	FILL(create_event);
	FILL(fpgaDestroyEventHandle);
	FILL(fpgaGetOSObjectFromEventHandle);
	FILL(fpgaRegisterEvent);
	FILL(fpgaUnregisterEvent);
}

static void fill_management(opae_api_adapter_table *table)
{
	FILL(fpgaAssignPortToInterface);
	FILL(fpgaAssignToInterface);
	FILL(fpgaReleaseFromInterface);
	FILL(fpgaReconfigureSlot);
	FILL(fpgaSetUserClock);
	FILL(fpgaGetUserClock);
	FILL(fpgaTokenGetObject);
	FILL(fpgaHandleGetObject);
	FILL(fpgaObjectGetObject);
	FILL(fpgaObjectGetObjectAt);
	FILL(fpgaDestroyObject);
	FILL(fpgaObjectRead);
	FILL(fpgaObjectRead64);
	FILL(fpgaObjectGetSize);
	FILL(fpgaObjectGetType);
	FILL(fpgaObjectWrite64);
	FILL(fpgaGetNumMetrics);
	FILL(fpgaGetMetricsInfo);
	FILL(fpgaGetMetricsByIndex);
	FILL(fpgaGetMetricsByName);
	FILL(fpgaGetMetricsThresholdInfo);
}

void opae_plugin_ldr_fill_holes(opae_api_adapter_table *table)
{
	fill_access(table);
	fill_management(table);
}
