/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulation of an AFU, as a benchmark has it: building it, its process, its control socket. */
#ifndef BENCH_SIMULATION_H
#define BENCH_SIMULATION_H

#include "bench/run.h"

struct simulation {
	bool asleep; /* its client sleeps as soon as it waits */
	struct program program;
	char pid[12];
	char control[CARDS_DIR_MAX + 16]; /* socket */
	char config[CARDS_DIR_MAX + 32];  /* for a side: the plugin that has this simulation */
};

/* Calls ase-build. settings: as struct program_frame has them. */
bool simulation_build(const char *const *args, size_t num, const char *const *settings, double *seconds);

/* The program at that path, on cpu[1] alone, where a bare loop runs as well. It is ready. */
bool simulation_start(struct run *r, const char *path, struct simulation *s);
/* False: it has found broken rules, or did not end; said. */
bool simulation_end(struct simulation *s);

struct simulation_status {
	double cycle;
	double at_ns; /* when it was asked */
	bool stopped;
};

/* A connected control socket, or -1; said. */
int simulation_control(const char *path);
bool simulation_tell(int control, const char *line);
bool simulation_status(int control, struct simulation_status *ret);

#endif
