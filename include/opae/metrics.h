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
 *
 * What a handle has is listed at the first call and stays: an index is a metric's metric_num. An
 * FPGA_DEVICE has its card's sensors (Celsius, Watts, Volts, Amps) and, for who may open them,
 * performance counters, which begin at 0 when the first of them is read on the handle. (Kernels before 6.15
 * crash when a card's driver is unbound while somebody counts: close the handle first.) An FPGA_ACCELERATOR
 * has what a metrics feature in its registers counts, if there is one.
 */

/** How many there are. */
fpga_result fpgaGetNumMetrics(fpga_handle handle, uint64_t *num_metrics);
/** What they are. @param num_metrics room in metric_info; receives how many were written */
fpga_result fpgaGetMetricsInfo(fpga_handle handle, fpga_metric_info *metric_info,
			       uint64_t *num_metrics);
/** Reads some by index into metrics, which has room for as many. */
fpga_result fpgaGetMetricsByIndex(fpga_handle handle, uint64_t *metric_num,
				  uint64_t num_metric_indexes, fpga_metric *metrics);
/** Reads some by metric_name or qualifier_name ("group:name"), upper and lower case alike. */
fpga_result fpgaGetMetricsByName(fpga_handle handle, char **metrics_names,
				 uint64_t num_metric_names, fpga_metric *metrics);
/** Limits of those that have some. @param metric_thresholds may be NULL, to count */
fpga_result fpgaGetMetricsThresholdInfo(fpga_handle handle,
					struct metric_threshold *metric_thresholds,
					uint32_t *num_thresholds);

#ifdef __cplusplus
}
#endif

#endif
