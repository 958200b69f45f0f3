/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_SEAM_H
#define OPAE_SEAM_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file seam.h
 * @brief For programs that put themselves between the library and the kernel.
 *
 * All that plugins ask of the kernel (descriptors, mappings, ioctls) goes through one table of functions,
 * struct sys_ops, which base/sys.h of the library's source defines and the plugins are built with. A program
 * that may open no device itself, as a worker of opaed, has another process open it: it puts a table in force
 * whose open and connect ask there.
 */

struct sys_ops;

/**
 * Puts a table in force for all plugins that are loaded from now on. Call it before fpgaInitialize(), in a
 * program that is started with OPAE_EXPLICIT_INITIALIZE in its environment: plugins that are there already go
 * on with the table that they got. What the library itself reads, its configuration, is not concerned.
 *
 * @param ops     must stay until the process ends; NULL: the kernel itself, as at first
 * @param version SYS_OPS_VERSION of the header that the program was built with
 * @return FPGA_OK; FPGA_NOT_SUPPORTED: the library is built with another version of the table, or a longer
 *	   one
 */
fpga_result opaex_set_seam(const struct sys_ops *ops, uint32_t version);

#ifdef __cplusplus
}
#endif

#endif
