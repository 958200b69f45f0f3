/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors, port assignment, reconfiguration, user clock, metrics, and the retired UMsg calls. */
#include "lib/call.h"

fpga_result fpgaReadError(fpga_token token, uint32_t error_num, uint64_t *value)
{
	TOKEN_CALL(fpgaReadError, token, value, error_num, value);
}

fpga_result fpgaClearError(fpga_token token, uint32_t error_num)
{
	TOKEN_CALL(fpgaClearError, token, true, error_num);
}

fpga_result fpgaClearAllErrors(fpga_token token)
{
	TOKEN_CALL(fpgaClearAllErrors, token, true);
}

fpga_result fpgaGetErrorInfo(fpga_token token, uint32_t error_num,
			     struct fpga_error_info *error_info)
{
	TOKEN_CALL(fpgaGetErrorInfo, token, error_info, error_num, error_info);
}

fpga_result fpgaAssignPortToInterface(fpga_handle fpga, uint32_t interface_num, uint32_t slot_num,
				      int flags)
{
	HANDLE_CALL(fpgaAssignPortToInterface, fpga, true, interface_num, slot_num, flags);
}

/* A token argument must be of the handle's own plugin. */
static struct wrapped_token *token_of_same(fpga_handle fpga, fpga_token id)
{
	struct wrapped_handle *w = handle_enter(fpga);
	struct wrapped_token *t = w ? token_ref(id) : NULL;

	if (t && t->adapter != w->adapter) {
		token_unref(t);
		t = NULL;
	}
	if (w)
		handle_leave();
	return t;
}

static fpga_result assign(fpga_handle fpga, struct wrapped_token *t, uint32_t host_interface,
			  int flags)
{
	HANDLE_CALL(fpgaAssignToInterface, fpga, t, t->plugin, host_interface, flags);
}

fpga_result fpgaAssignToInterface(fpga_handle fpga, fpga_token accelerator,
				  uint32_t host_interface, int flags)
{
	struct wrapped_token *t = token_of_same(fpga, accelerator);
	fpga_result r = assign(fpga, t, host_interface, flags);

	token_unref(t);
	return r;
}

static fpga_result release(fpga_handle fpga, struct wrapped_token *t)
{
	HANDLE_CALL(fpgaReleaseFromInterface, fpga, t, t->plugin);
}

fpga_result fpgaReleaseFromInterface(fpga_handle fpga, fpga_token accelerator)
{
	struct wrapped_token *t = token_of_same(fpga, accelerator);
	fpga_result r = release(fpga, t);

	token_unref(t);
	return r;
}

fpga_result fpgaReconfigureSlot(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream,
				size_t bitstream_len, int flags)
{
	HANDLE_CALL(fpgaReconfigureSlot, fpga, bitstream, slot, bitstream, bitstream_len, flags);
}

fpga_result fpgaSetUserClock(fpga_handle handle, uint64_t high_clk, uint64_t low_clk, int flags)
{
	HANDLE_CALL(fpgaSetUserClock, handle, true, high_clk, low_clk, flags);
}

fpga_result fpgaGetUserClock(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk, int flags)
{
	HANDLE_CALL(fpgaGetUserClock, handle, high_clk && low_clk, high_clk, low_clk, flags);
}

fpga_result fpgaGetNumMetrics(fpga_handle handle, uint64_t *num_metrics)
{
	HANDLE_CALL(fpgaGetNumMetrics, handle, num_metrics, num_metrics);
}

fpga_result fpgaGetMetricsInfo(fpga_handle handle, fpga_metric_info *metric_info,
			       uint64_t *num_metrics)
{
	HANDLE_CALL(fpgaGetMetricsInfo, handle, metric_info && num_metrics, metric_info,
		    num_metrics);
}

fpga_result fpgaGetMetricsByIndex(fpga_handle handle, uint64_t *metric_num,
				  uint64_t num_metric_indexes, fpga_metric *metrics)
{
	HANDLE_CALL(fpgaGetMetricsByIndex, handle, metric_num && metrics, metric_num,
		    num_metric_indexes, metrics);
}

fpga_result fpgaGetMetricsByName(fpga_handle handle, char **metrics_names,
				 uint64_t num_metric_names, fpga_metric *metrics)
{
	HANDLE_CALL(fpgaGetMetricsByName, handle, metrics_names && metrics, metrics_names,
		    num_metric_names, metrics);
}

fpga_result fpgaGetMetricsThresholdInfo(fpga_handle handle,
					struct metric_threshold *metric_thresholds,
					uint32_t *num_thresholds)
{
	HANDLE_CALL(fpgaGetMetricsThresholdInfo, handle, num_thresholds, metric_thresholds,
		    num_thresholds);
}

/* UMsg left the hardware long ago; the calls stay so that programs link. */
static fpga_result no_umsg(void)
{
	return fail(FPGA_NOT_SUPPORTED, "UMsg is not supported by any plugin");
}

fpga_result fpgaGetNumUmsg(fpga_handle handle, uint64_t *value)
{
	(void)handle;
	(void)value;
	return no_umsg();
}

fpga_result fpgaSetUmsgAttributes(fpga_handle handle, uint64_t value)
{
	(void)handle;
	(void)value;
	return no_umsg();
}

fpga_result fpgaTriggerUmsg(fpga_handle handle, uint64_t value)
{
	(void)handle;
	(void)value;
	return no_umsg();
}

fpga_result fpgaGetUmsgPtr(fpga_handle handle, uint64_t **umsg_ptr)
{
	(void)handle;
	(void)umsg_ptr;
	return no_umsg();
}
