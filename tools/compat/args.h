/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the front ends share that bear the names of OPAE's own programs: how a person chooses a device,
 * and how they say what went wrong.
 */
#ifndef TOOLS_COMPAT_ARGS_H
#define TOOLS_COMPAT_ARGS_H

#include <opae/fpga.h>
#include <stdbool.h>
#include <stdint.h>

/* What was given of a device's PCI address; the parts that were not fit every device. */
struct compat_address {
	bool has_segment, has_bus, has_device, has_function;
	uint16_t segment;
	uint8_t bus, device, function;
};

/*
 * Takes out of argv the words that choose a device: -S, -B, -D, -F or --segment, --bus, --device,
 * --function with a number (decimal, or hexadecimal after 0x; "-B 1", "-B1", "--bus 1", "--bus=1"), and
 * a free word that is an address, [ssss:]bb:dd.f, which is all four, segment 0 when it names none. Of a
 * part that is given twice the last one counts. The words after "--" are left alone.
 *
 * What is left is in *argc and argv, in its order, with argv[0] and the NULL at the end.
 *
 * False: a number is missing, is none, or is out of range, and standard error says so; argv is as it was.
 */
bool compat_take_address(int *argc, char *argv[], struct compat_address *ret);

/* Sets the parts that were given in a filter; the code of the first that could not be set. */
fpga_result compat_filter(fpga_properties filter, const struct compat_address *a);

/* A line on standard error that begins with the program's name. */
void compat_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* True: r is FPGA_OK. Otherwise complains of what was tried, with the code's name and the reason. */
bool compat_ok(fpga_result r, const char *what);

/* What -v of each program prints: its name, our version, and that of the API. */
void compat_print_version(void);

#endif
