/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is measured of ours: a process of its own for each, for the library is configured once in the
 * life of a process. It speaks as the raw references do (program.h), and uses the public API alone.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include <opae/fpga.h>
#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_ANSWERS 2

struct subject {
	const char *name;
	int num_args; /* as many follow the name */
	bool (*begin)(char *args[]);
	/* One round: writes the numbers that it answers. */
	bool (*round)(double *answers);
	void (*end)(void); /* also after a failure */
	size_t num_answers;
};

extern const struct subject subject_initialize, subject_enumerate, subject_again, subject_access,
	subject_trapped, subject_properties, subject_buffer, subject_loopback;

/* `opae bench subject NAME ...`: 0, or 1 with the reason on standard error. */
int subject_main(int argc, char *argv[]);

/* For the subjects. False: said on standard error. */
bool subject_ok(fpga_result r, const char *what);
/* Initializes the library and opens the one accelerator there is. */
bool subject_open(fpga_handle *handle);
void subject_close(fpga_handle handle);
/* Room for n > 0 numbers, as the argument says; the caller frees. NULL: said. */
double *subject_room(const char *count, size_t *n);
double subject_now_ns(void);

#endif
