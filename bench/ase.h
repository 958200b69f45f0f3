/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The benchmark of simulations: the copy engine's, with a program that drives it, beside the same design in
 * a bare loop.
 */
#ifndef BENCH_ASE_H
#define BENCH_ASE_H

#include "bench/report.h"

struct bench_ase_options {
	bool quick;
	const char *sim, *bare; /* programs that ase-build has made; NULL: it makes them now */
	bool build;		/* what building hello_afu takes as well */
	const char *only;	/* rows, as bench_remote() has it; NULL: all */
};

/* As bench_local(). */
bool bench_ase(const struct bench_ase_options *options, struct bench_report *report);

#endif
