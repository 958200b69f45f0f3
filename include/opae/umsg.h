/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_UMSG_H
#define OPAE_UMSG_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file umsg.h
 * @brief Unordered messages, which the hardware dropped: every call is FPGA_NOT_SUPPORTED.
 */
fpga_result fpgaGetNumUmsg(fpga_handle handle, uint64_t *value);
fpga_result fpgaSetUmsgAttributes(fpga_handle handle, uint64_t value);
fpga_result fpgaTriggerUmsg(fpga_handle handle, uint64_t value);
fpga_result fpgaGetUmsgPtr(fpga_handle handle, uint64_t **umsg_ptr);

#ifdef __cplusplus
}
#endif

#endif
