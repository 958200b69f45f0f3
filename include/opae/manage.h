/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_MANAGE_H
#define OPAE_MANAGE_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Gives a port to the physical function (interface_num 0) or frees it for a virtual function (1). A port
 * that is freed is not listed any more, and comes back when it is given.
 * @param fpga     an open FPGA_DEVICE
 * @param slot_num the port
 * @param flags    0
 * @return FPGA_OK; FPGA_INVALID_PARAM: also a port that is there already, or freed; FPGA_NOT_SUPPORTED;
 *         FPGA_BUSY: somebody has it open, or the card has virtual functions; FPGA_NO_DRIVER: it was given,
 *         but the kernel has no driver for it before the card is bound anew; FPGA_EXCEPTION
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
 *
 * Without FPGA_RECONF_FORCE the slot's accelerator is held alone meanwhile. Its errors are cleared, and what
 * programs know of its registers is no longer so. A user clock that the GBS names is set after it was loaded,
 * and the accelerator starts anew then; FPGA_RECONF_SKIP_USRCLK leaves the clock alone. Whether the clock can
 * be set is looked at before anything is touched; if it then fails all the same, the code is that of
 * fpgaSetUserClock(), and the reason says that the bitstream is loaded.
 *
 * A GBS without metadata does not say which interface it is for, and is taken as one that fits.
 *
 * @param fpga          an open FPGA_DEVICE
 * @param slot          the slot, from 0 to the property NumSlots - 1
 * @param bitstream     a GBS file's content
 * @param bitstream_len bytes
 * @param flags         of enum fpga_reconf_flags
 * @return FPGA_OK; FPGA_INVALID_PARAM: also a bitstream that is damaged or for another interface;
 *         FPGA_BUSY: the accelerator is in use, or another reconfiguration is under way; FPGA_NOT_FOUND:
 *         the slot's port is released, and it cannot be seen whether it is in use; FPGA_NO_ACCESS,
 *         FPGA_NO_DRIVER: it cannot be opened; FPGA_RECONF_ERROR: the FPGA did not take the bitstream, and
 *         the reason has what it says of that; or the slot is held in reset; FPGA_NOT_SUPPORTED: also a
 *         clock that cannot be set; FPGA_NO_MEMORY; FPGA_EXCEPTION
 */
fpga_result fpgaReconfigureSlot(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream,
				size_t bitstream_len, int flags);

#ifdef __cplusplus
}
#endif

#endif
