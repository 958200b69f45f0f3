/* SPDX-License-Identifier: BSD-3-Clause */
/* What the library offers to its plugins, and the per-thread reason of the last failure. */
#ifndef LIB_HOST_H
#define LIB_HOST_H

#include <opae/plugin.h>

const struct opae_host *lib_host(void);

/* Sets the calling thread's text; detail_clear forgets that it was set during this call. */
void detail_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void detail_clear(void);
/* Sets the text and returns the code: `return fail(FPGA_BUSY, "...")`. */
fpga_result fail(fpga_result r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends a call into a plugin: a failure that came without a reason gets one that says so. */
fpga_result detail_finish(fpga_result r, const char *call, const char *plugin);

#endif
