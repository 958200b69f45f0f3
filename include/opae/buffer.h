/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_BUFFER_H
#define OPAE_BUFFER_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes memory that program and accelerator share.
 *
 * Memory of the library's own is zeroed. Preallocated memory may be of any kind; during this call
 * nobody else may write to it.
 *
 * By the kernel's FPGA driver (libxfpga) the memory must lie together: a page of 4096 bytes, or inside one
 * huge page. So a longer buffer needs huge pages, and preallocated memory begins and ends at a page;
 * FPGA_BUF_READ_ONLY is FPGA_NOT_SUPPORTED where that driver has no maps that the device can only read.
 *
 * @param handle   an open accelerator
 * @param len      bytes, not 0; the device can reach no further than its last page (4096 bytes)
 * @param buf_addr receives the address; with FPGA_BUF_PREALLOCATED it holds the caller's memory.
 *                 NULL, with len 0 and FPGA_BUF_PREALLOCATED: only asks whether that is supported
 * @param wsid     receives the id of the buffer for the calls below
 * @param flags    of enum fpga_buffer_flags
 * @return FPGA_OK; FPGA_INVALID_PARAM: also preallocated memory that the driver cannot map;
 *         FPGA_NO_MEMORY: memory, huge pages, addresses or the limit on locked memory;
 *         FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result fpgaPrepareBuffer(fpga_handle handle, uint64_t len, void **buf_addr, uint64_t *wsid,
			      int flags);

/**
 * Takes a buffer from the device and frees it; preallocated memory stays, with what the device
 * wrote.
 * @return FPGA_OK; FPGA_INVALID_PARAM: no such buffer (any more); FPGA_EXCEPTION
 */
fpga_result fpgaReleaseBuffer(fpga_handle handle, uint64_t wsid);

/**
 * The address (bytes) by which the accelerator reaches the buffer.
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_FOUND: no such buffer
 */
fpga_result fpgaGetIOAddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr);

/**
 * Shares the whole address space of the process with the accelerator.
 * @param pasid receives the process address space id; may be NULL
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result fpgaBindSVA(fpga_handle handle, uint32_t *pasid);

#ifdef __cplusplus
}
#endif

#endif
