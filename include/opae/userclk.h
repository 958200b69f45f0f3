/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_USERCLK_H
#define OPAE_USERCLK_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Sets the user clocks of an accelerator. They come from one PLL, so not every pair can be had: what comes
 * nearest without being faster is set, and fpgaGetUserClock() tells what that is. May take a second.
 * @param high_clk megahertz, from 25 to what the card's PLL can do (600 to 1200); 0: twice low_clk
 * @param low_clk  megahertz, from 10, and at most high_clk; 0: half of high_clk
 * @param flags    0
 * @return FPGA_OK; FPGA_INVALID_PARAM: out of range, or the handle is a device's; FPGA_NOT_SUPPORTED: by this
 *         plugin, or the kernel shows no way to set it; FPGA_NO_ACCESS; FPGA_NOT_FOUND: what
 *         the kernel shows of it is not whole; FPGA_BUSY: the PLL did not lock; FPGA_EXCEPTION
 */
fpga_result fpgaSetUserClock(fpga_handle handle, uint64_t high_clk, uint64_t low_clk, int flags);
/**
 * Measures the user clocks; takes some 20 ms.
 * @param high_clk,low_clk receive hertz
 * @param flags            0
 * @return as fpgaSetUserClock()
 */
fpga_result fpgaGetUserClock(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk, int flags);

#ifdef __cplusplus
}
#endif

#endif
