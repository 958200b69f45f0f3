/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_METRICS_H
#define OPAE_METRICS_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file metrics.h
 * @brief Measurements: power, temperature, counters.
 *
 * All return FPGA_OK, also when only some values could be read (fpga_metric::isvalid tells);
 * FPGA_INVALID_PARAM; FPGA_NOT_FOUND: none; FPGA_NOT_SUPPORTED; FPGA_NO_MEMORY; FPGA_EXCEPTION.
 */

/** How many there are. */
fpga_result fpgaGetNumMetrics(fpga_handle handle, uint64_t *num_metrics);
/** What they are. @param num_metrics room in metric_info; receives how many were written */
fpga_result fpgaGetMetricsInfo(fpga_handle handle, fpga_metric_info *metric_info,
			       uint64_t *num_metrics);
/** Reads some by index into metrics, which has room for as many. */
fpga_result fpgaGetMetricsByIndex(fpga_handle handle, uint64_t *metric_num,
				  uint64_t num_metric_indexes, fpga_metric *metrics);
/** Reads some by name, upper and lower case alike. */
fpga_result fpgaGetMetricsByName(fpga_handle handle, char **metrics_names,
				 uint64_t num_metric_names, fpga_metric *metrics);
/** Limits. @param metric_thresholds may be NULL, to count */
fpga_result fpgaGetMetricsThresholdInfo(fpga_handle handle,
					struct metric_threshold *metric_thresholds,
					uint32_t *num_thresholds);

#ifdef __cplusplus
}
#endif

#endif
