/* SPDX-License-Identifier: BSD-3-Clause */
/* What a simulation was told: the command line over ase.cfg and the environment over the defaults. */
#ifndef SIM_HOST_SETTINGS_H
#define SIM_HOST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_mode { RUN_IDLE_STOP, RUN_FREE, RUN_LOCKSTEP, RUN_PAUSED };

/* ASE_MODE of ase.cfg. */
enum ase_mode { ASE_SERVER = 1, ASE_TIMEOUT = 2, ASE_ONE_CLIENT = 3, ASE_REGRESSION = 4 };

/* What goes into the log of transactions. */
enum log_detail { LOG_NOTHING, LOG_MMIO, LOG_ALL };

struct settings {
	char workdir[4096];
	char suffix[16];  /* of this simulation's files; set by folder_take() */
	char socket[108]; /* empty: only the inherited one */
	int fd;           /* a connected socket that was inherited; -1: none */
	enum run_mode run;
	uint64_t idle_cycles;     /* the clock stops after so many without a request of the AFU, */
	uint64_t used_cycles;     /* and after so many while a program drives it: it may compute */
	uint64_t lockstep_cycles; /* for each register access */
	bool shuffle;
	bool hazards; /* are looked for */
	uint64_t seed, order_seed;
	uint64_t mmio_gap;
	uint64_t read_latency, write_latency, interrupt_latency;
	uint64_t outstanding; /* lines of reads, and of writes, before they are almost full */
	bool strict_rules;    /* the first error ends the simulation */
	enum log_detail log;
	bool quiet;
	char wave[4096];
	uint64_t wave_from, wave_to;

	enum ase_mode mode;
	uint64_t timeout_cycles; /* of ASE_TIMEOUT */
	uint64_t num_tests;
	char script[4096];
	double user_clock_mhz;
	bool reuse_seed; /* of ase_seed.txt, once all of ase.cfg has been read */
};

/*
 * -1: go on; otherwise the exit status, after --help or a complaint was printed. Arguments that begin with
 * '+' are left alone.
 */
int settings_read(struct settings *s, const char *name, int argc, char **argv);

/* One line of ase.cfg. False: *problem says what is wrong with it. For tests and fuzzers. */
bool settings_config_line(struct settings *s, const char *line, const char **problem);
void settings_default(struct settings *s);
/* What --run says. False: it is none of the modes, and nothing has changed. */
bool settings_run(struct settings *s, const char *text);

#endif
