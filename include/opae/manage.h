/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_MANAGE_H
#define OPAE_MANAGE_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Gives a port to the physical function (interface_num 0) or frees it for a virtual function (1).
 * @param fpga     an open FPGA_DEVICE
 * @param slot_num the port
 * @param flags    0
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_BUSY; FPGA_EXCEPTION
 */
fpga_result fpgaAssignPortToInterface(fpga_handle fpga, uint32_t interface_num, uint32_t slot_num,
				      int flags);

/** No hardware has it: FPGA_NOT_SUPPORTED, or FPGA_INVALID_PARAM for what is no handle or token. */
fpga_result fpgaAssignToInterface(fpga_handle fpga, fpga_token accelerator,
				  uint32_t host_interface, int flags);
/** As fpgaAssignToInterface(). */
fpga_result fpgaReleaseFromInterface(fpga_handle fpga, fpga_token accelerator);

/**
 * Loads another accelerator into a slot.
 * @param fpga          an open FPGA_DEVICE
 * @param slot          the slot, from 0 to the property NumSlots - 1
 * @param bitstream     a GBS file's content
 * @param bitstream_len bytes
 * @param flags         of enum fpga_reconf_flags
 * @return FPGA_OK; FPGA_INVALID_PARAM: also a bitstream that is damaged or for another interface;
 *         FPGA_BUSY: the accelerator is in use; FPGA_RECONF_ERROR; FPGA_NOT_SUPPORTED;
 *         FPGA_EXCEPTION
 */
fpga_result fpgaReconfigureSlot(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream,
				size_t bitstream_len, int flags);

#ifdef __cplusplus
}
#endif

#endif
