/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table from errno to fpga_result. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <opae/types_enum.h>

/* rc: 0 or a negative errno. What has no better word is FPGA_EXCEPTION. */
fpga_result err_to_result(int rc);

#endif
