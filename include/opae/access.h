/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_ACCESS_H
#define OPAE_ACCESS_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Opens what a token names.
 *
 * @param token  may be destroyed while the handle is open
 * @param handle receives the handle; give it back to fpgaClose()
 * @param flags  0 or FPGA_OPEN_SHARED
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_BUSY: somebody holds it; FPGA_NO_ACCESS;
 *         FPGA_NO_DRIVER; FPGA_NOT_FOUND: it is gone; FPGA_NO_MEMORY; FPGA_NOT_SUPPORTED: the driver is of
 *         a kind that is not known; FPGA_EXCEPTION
 */
fpga_result fpgaOpen(fpga_token token, fpga_handle *handle, int flags);

/**
 * The further ports of an accelerator that has several. They belong to the parent's handle: do
 * not close them.
 *
 * @param handle       an open accelerator
 * @param max_children room in children
 * @param children     receives handles; may be NULL when max_children is 0
 * @param num_children receives the number of all; it may exceed max_children
 * @return FPGA_OK; FPGA_INVALID_PARAM
 */
fpga_result fpgaGetChildren(fpga_handle handle, uint32_t max_children, fpga_handle *children,
			    uint32_t *num_children);

/**
 * Closes a handle: buffers are released, MMIO is unmapped, events are unregistered, objects that
 * came from it become invalid. Waits for calls of other threads that are under way on it.
 *
 * @return FPGA_OK; FPGA_INVALID_PARAM: not an open handle; FPGA_EXCEPTION: closed, but the device
 *         did not answer, or has gone
 */
fpga_result fpgaClose(fpga_handle handle);

/**
 * Resets an accelerator. Buffers stay prepared.
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result fpgaReset(fpga_handle handle);

#ifdef __cplusplus
}
#endif

#endif
