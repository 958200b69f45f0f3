/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_VERSION_H
#define OPAE_VERSION_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room that a version's text needs at most. */
#define FPGA_VERSION_STR_MAX 10
/** Room that a build's text needs at most. */
#define FPGA_BUILD_STR_MAX 41

/** Version of the OPAE C API that this library implements. */
fpga_result fpgaGetOPAECVersion(fpga_version *version);
/** The same as text; len must exceed its length by at least 2, else FPGA_INVALID_PARAM. */
fpga_result fpgaGetOPAECVersionString(char *version_str, size_t len);
/** From what the library was built; cut to len bytes, the NUL included; len 0 is
 * FPGA_INVALID_PARAM. */
fpga_result fpgaGetOPAECBuildString(char *build_str, size_t len);

#ifdef __cplusplus
}
#endif

#endif
