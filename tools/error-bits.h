/* SPDX-License-Identifier: BSD-3-Clause */
/* What the bits of the error registers of a management engine and of a port mean. */
#ifndef TOOLS_ERROR_BITS_H
#define TOOLS_ERROR_BITS_H

#include <opae/fpga.h>

#define ERROR_LAYOUT_UNKNOWN (-1)

/* The layout (revision) of a device's error registers; ERROR_LAYOUT_UNKNOWN when it does not tell. */
int error_layout(fpga_token token);
/*
 * What a bit of a register means; "" when it is not known. Of an unknown layout those bits are, which
 * mean the same in every layout where they mean anything.
 */
const char *error_bit(fpga_objtype type, const char *reg, int layout, unsigned int bit);

#endif
