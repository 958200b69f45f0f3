/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_REMOTE_H
#define OPAE_REMOTE_H

#include <opae/types.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file remote.h
 * @brief Calls that do in one what would be many: for accelerators on other machines. They work on local ones
 * as well, so that a program need not know which it has.
 *
 * A buffer of a remote accelerator is memory of the program, and the device has memory of its own there. Its
 * content travels by itself, at the calls by which OPAE programs meet their device: what the program wrote
 * goes ahead of each call that can start the device (register writes, fpgaReset()); what the device wrote is
 * there after a register read or an event, and while it works also by itself, so that who polls memory sees
 * it. opaex_push() and opaex_pull() move content when the program says so; where the plugin is configured
 * with "buffers": "explicit", nothing else does.
 */

/**
 * Gives the device what the program has in a part of a buffer: when it returns, the device sees it. Local
 * memory is shared, and there is nothing to do. The part must not change meanwhile.
 *
 * @param wsid   of fpgaPrepareBuffer()
 * @param offset first byte
 * @param len    bytes; 0: none
 * @return FPGA_OK; FPGA_NOT_FOUND: no such buffer; FPGA_INVALID_PARAM: beyond its end, or no handle;
 *         FPGA_NO_ACCESS; FPGA_EXCEPTION: the connection is lost, or the device
 */
fpga_result opaex_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);

/**
 * Gets what the device has in a part of a buffer; it replaces what the program has there.
 * @return as opaex_push(); after a failure the part may be partly replaced
 */
fpga_result opaex_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);

/**
 * Reads 64 bits until (value & mask) == expected. Over a network the far side does the polling.
 *
 * @param interval_us microseconds between two reads, where nothing forces an earlier one; 0: none
 * @param timeout_us  microseconds in all
 * @param value       receives the last value read; may be NULL
 * @return FPGA_OK; FPGA_BUSY: not equal within the time; FPGA_INVALID_PARAM: also when another thread closed
 *         the handle meanwhile, which ends the poll within 200 ms; as fpgaReadMMIO64()
 */
fpga_result opaex_poll_mmio(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint64_t mask,
			    uint64_t expected, uint64_t interval_us, uint64_t timeout_us,
			    uint64_t *value);

/**
 * Reads a run of registers by 64-bit accesses.
 * @param offset,len bytes, multiples of 8, inside the region
 * @return as fpgaReadMMIO64()
 */
fpga_result opaex_read_mmio_block(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				  void *buffer, size_t len);

#ifdef __cplusplus
}
#endif

#endif
