/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * userclk: as OPAE's, whose options, output and exit codes it has. The code is a fpga_result; that of -h, -v
 * and of options that are not understood is FPGA_EXCEPTION. Without any word it shows its help, and the code
 * is 1.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "args.h"

#define NOT_GIVEN -1

struct options {
	struct compat_address address;
	int high, low; /* MHz */
};

static void print_help(void)
{
	puts("usage: userclk [-hv] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION] [PCI_ADDRESS]\n"
	     "               [-H MHZ] [-L MHZ]\n");
	puts("Measures the user clocks of an accelerator, after it has set them if it is told to.\n");
	puts("  -H,--freq-high MHZ   the faster clock\n"
	     "  -L,--freq-low MHZ    the slower one, half as fast\n"
	     "  -S, --segment, -B, --bus, -D, --device, -F, --function NUMBER, or\n"
	     "  PCI_ADDRESS, [ssss:]bb:dd.f   of which card\n"
	     "  -v,--version; -h,--help");
}

static bool parse_mhz(const char *text, int *ret)
{
	char *end;
	long v;

	text += *text == '=';
	errno = 0;
	v = strtol(text, &end, 0);
	if (errno || end == text || *end || v < 0 || v > INT_MAX) {
		compat_complain("'%s' is no number of MHz", text);
		return false;
	}
	*ret = (int)v;
	return true;
}

/* False: that was all, or something was not understood. */
static bool parse(int argc, char *argv[], struct options *o)
{
	static const struct option words[] = { { "help", no_argument, NULL, 'h' },
					       { "freq-high", required_argument, NULL, 'H' },
					       { "freq-low", required_argument, NULL, 'L' },
					       { "version", no_argument, NULL, 'v' },
					       { NULL, 0, NULL, 0 } };
	int c;

	if (!compat_take_address(&argc, argv, &o->address))
		return false;
	while ((c = getopt_long(argc, argv, ":hH:L:v", words, NULL)) >= 0) {
		if (c == 'H' || c == 'L') {
			if (!parse_mhz(optarg, c == 'H' ? &o->high : &o->low))
				return false;
			continue;
		}
		if (c == 'h')
			print_help();
		else if (c == 'v')
			compat_print_version();
		else
			puts("Invalid cmdline options.");
		return false;
	}
	return true;
}

/* The first that fits; FPGA_NOT_FOUND: there is none. */
static fpga_result find(const struct compat_address *a, fpga_token *ret)
{
	fpga_properties filter;
	uint32_t n = 0;
	fpga_result r = fpgaGetProperties(NULL, &filter);

	if (!compat_ok(r, "properties"))
		return r;
	r = compat_filter(filter, a);
	if (r == FPGA_OK)
		r = fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR);
	if (r == FPGA_OK)
		r = fpgaEnumerate(&filter, 1, ret, 1, &n);
	fpgaDestroyProperties(&filter);
	if (compat_ok(r, "fpgaEnumerate") && !n) {
		compat_complain("FPGA Resource not found.");
		r = FPGA_NOT_FOUND;
	}
	return r;
}

static fpga_result show(fpga_handle h)
{
	uint64_t high = 0, low = 0;
	fpga_result r = fpgaGetUserClock(h, &high, &low, 0);

	if (compat_ok(r, "fpgaGetUserClock"))
		printf("\nApproximate frequency:\nHigh clock = %5.1f MHz\nLow clock  = %5.1f MHz\n \n",
		       (double)high / 1e6, (double)low / 1e6);
	return r;
}

static fpga_result set(fpga_handle h, const struct options *o)
{
	int64_t high = o->high > 0 ? o->high : 0, low = o->low > 0 ? o->low : 0, off = high - 2 * low;
	fpga_result r;

	if (!high && !low) {
		compat_complain("Please specify one or both of -H and -L");
		return FPGA_INVALID_PARAM;
	}
	if (high && low && (off < -1 || off > 1)) {
		compat_complain("High freq must be ~ (2 * Low freq)");
		return FPGA_INVALID_PARAM;
	}
	r = fpgaSetUserClock(h, (uint64_t)high, (uint64_t)low, 0);
	return compat_ok(r, "fpgaSetUserClock") ? show(h) : r;
}

/* What cannot be told may still be set. */
static fpga_result run(const struct options *o)
{
	fpga_token token = NULL;
	fpga_handle h = NULL;
	fpga_result r = find(&o->address, &token);

	if (r != FPGA_OK)
		return r;
	puts("AFU Resource found.");
	r = fpgaOpen(token, &h, 0);
	if (compat_ok(r, "fpgaOpen")) {
		r = show(h);
		if (o->high != NOT_GIVEN || o->low != NOT_GIVEN)
			r = set(h, o);
		fpgaClose(h);
	}
	fpgaDestroyToken(&token);
	return r;
}

int main(int argc, char *argv[])
{
	struct options o = { .high = NOT_GIVEN, .low = NOT_GIVEN };

	if (argc < 2) {
		print_help();
		return 1;
	}
	if (getenv("OPAE_EXPLICIT_INITIALIZE"))
		fpgaInitialize(NULL);
	if (!parse(argc, argv, &o))
		return (int)FPGA_EXCEPTION;
	printf(" ------- Command line Input START ----\n \n"
	       " Freq High             : %d\n Freq Low              : %d\n"
	       " ------- Command line Input END   ----\n\n", o.high, o.low);
	return (int)run(&o);
}
