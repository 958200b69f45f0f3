/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_UTILS_H
#define OPAE_UTILS_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Name of a result code; a constant, never NULL. opaex_error_detail() tells more. */
const char *fpgaErrStr(fpga_result e);

#ifdef __cplusplus
}
#endif

#endif
