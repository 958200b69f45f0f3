/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_USERCLK_H
#define OPAE_USERCLK_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Sets the user clocks of an accelerator.
 * @param high_clk,low_clk megahertz, at least 25
 * @param flags            0
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result fpgaSetUserClock(fpga_handle handle, uint64_t high_clk, uint64_t low_clk, int flags);
/**
 * Reads the user clocks.
 * @param high_clk,low_clk receive hertz
 * @param flags            0
 * @return as fpgaSetUserClock()
 */
fpga_result fpgaGetUserClock(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk, int flags);

#ifdef __cplusplus
}
#endif

#endif
