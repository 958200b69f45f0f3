/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_ERROR_H
#define OPAE_ERROR_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file error.h
 * @brief Error registers of a device or a port, by index from 0 to the property NumErrors - 1.
 *
 * All return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_FOUND: no such index, or the device has gone;
 * FPGA_NOT_SUPPORTED: the device has no error registers; also a register that cannot be cleared;
 * FPGA_NO_ACCESS; FPGA_BUSY: the device refuses it for now; FPGA_EXCEPTION.
 */

/** Reads a register; of one that is wider than 64 bits the low ones. */
fpga_result fpgaReadError(fpga_token token, uint32_t error_num, uint64_t *value);
/** Clears a register; one that has no error in it is left alone. */
fpga_result fpgaClearError(fpga_token token, uint32_t error_num);
/** Clears every register that can be cleared; the first code that is not FPGA_OK, after all were tried. */
fpga_result fpgaClearAllErrors(fpga_token token);
/** Name of a register, and whether it can be cleared. */
fpga_result fpgaGetErrorInfo(fpga_token token, uint32_t error_num,
			     struct fpga_error_info *error_info);

#ifdef __cplusplus
}
#endif

#endif
