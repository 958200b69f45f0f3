/* SPDX-License-Identifier: BSD-3-Clause */
/* What the subcommands of fpgainfo share. */
#ifndef TOOLS_COMPAT_FPGAINFO_H
#define TOOLS_COMPAT_FPGAINFO_H

#include <opae/fpga.h>
#include <stdbool.h>
#include <stdint.h>
#include <sysexits.h>

/* Of "errors", beside what they share. */
struct info_options {
	bool clear, force;
	bool fme, port; /* errors of which; both: all */
};

/* The headline and the properties, those of an accelerator's device too. False: it complained. */
bool info_print_common(const char *headline, fpga_token token);

/* Each prints all of one token. False: something could not be read, and it complained. */
bool info_fme(fpga_token token, const struct info_options *o);
bool info_port(fpga_token token, const struct info_options *o);
bool info_errors(fpga_token token, const struct info_options *o);
bool info_temp(fpga_token token, const struct info_options *o);
bool info_power(fpga_token token, const struct info_options *o);
bool info_bmc(fpga_token token, const struct info_options *o);

#endif
