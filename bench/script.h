/* SPDX-License-Identifier: BSD-3-Clause */
/* The script accelerator of an emulated card, for the subjects; see emu/afu-script.h. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include <opae/fpga.h>
#include <stdbool.h>

#include "emu/afu-script.h"

/* Has it carry out the program, and waits until it has. False: said on standard error. */
bool script_run(fpga_handle h, const struct script_insn *program, unsigned int num);

#endif
