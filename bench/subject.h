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

#include "base/clock.h"

#define SUBJECT_ANSWERS 3
#define QUIET_AFTER_NS (100 * NS_PER_MS) /* a session is quiet when it has not done anything for so long */

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
	subject_trapped, subject_properties, subject_buffer, subject_loopback, subject_call,
	subject_paced, subject_post, subject_last, subject_interrupt, subject_move, subject_beside,
	subject_hosts, subject_quiet, subject_memory, subject_doorbell, subject_flag,
	subject_job, subject_connect, subject_ase_read, subject_ase_write, subject_ase_copy, subject_ase_free,
	subject_ase_rest;

/* `opae bench subject NAME ...`: 0, or 1 with the reason on standard error. */
int subject_main(int argc, char *argv[]);

/* For the subjects. False: said on standard error. */
bool subject_ok(fpga_result r, const char *what);
/* Initializes the library and opens the one accelerator there is. */
bool subject_open(fpga_handle *handle);
/* Of several accelerators one, counted from 0 in an order that is the same in each process. */
bool subject_open_one(uint32_t which, uint32_t of, fpga_handle *handle);
void subject_close(fpga_handle handle);
/* Registers for the accelerator's first interrupt. */
bool subject_event(fpga_handle h, fpga_event_handle *ret, int *fd);
/* Room for n > 0 numbers, as the argument says; the caller frees. NULL: said. */
double *subject_room(const char *count, size_t *n);
double subject_now_ns(void);

#endif
