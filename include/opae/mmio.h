/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_MMIO_H
#define OPAE_MMIO_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file mmio.h
 * @brief Registers of an accelerator.
 *
 * A region is named by mmio_num, from 0 to the property NumMMIO - 1. Offsets are bytes from the
 * region's start, multiples of the access's width and inside the region: anything else is
 * FPGA_INVALID_PARAM. An access is one access of the device, in program order. All calls may come
 * from several threads. No prior fpgaMapMMIO() is needed. All of them return
 *
 * FPGA_OK; FPGA_INVALID_PARAM: handle, region, offset or pointer; FPGA_NOT_SUPPORTED: the handle
 * is an FPGA_DEVICE's; FPGA_EXCEPTION: the device is gone or did not answer in time.
 */

/** Writes 64 bits. */
fpga_result fpgaWriteMMIO64(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint64_t value);
/** Reads 64 bits. */
fpga_result fpgaReadMMIO64(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint64_t *value);
/** Writes 32 bits. */
fpga_result fpgaWriteMMIO32(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint32_t value);
/** Reads 32 bits. */
fpga_result fpgaReadMMIO32(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint32_t *value);

/**
 * Writes 64 bytes at once. FPGA_NOT_SUPPORTED on a mapped region when the CPU has no 64-byte store
 * (AVX-512F).
 * @param value 64 bytes, of any alignment
 */
fpga_result fpgaWriteMMIO512(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
			     const void *value);

/**
 * Gives direct access to a region.
 * @param mmio_ptr receives the region's address, good until fpgaUnmapMMIO() or fpgaClose(); may be
 *                 NULL, to map for the calls above alone. FPGA_NOT_SUPPORTED when accesses to the
 *                 region cannot be made by a pointer.
 */
fpga_result fpgaMapMMIO(fpga_handle handle, uint32_t mmio_num, uint64_t **mmio_ptr);

/** Takes the pointer back. */
fpga_result fpgaUnmapMMIO(fpga_handle handle, uint32_t mmio_num);

#ifdef __cplusplus
}
#endif

#endif
