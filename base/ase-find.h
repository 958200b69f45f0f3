/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the simulation of an AFU is, said once for the ASE plugin and the tool. The first of these counts:
 *
 *	OPAE_ASE_SOCKET	     its socket
 *	ASE_WORKDIR	     the folder that it runs in, where it has written .ase_ready.pid
 *	the configuration    "socket"
 *	OPAE_ASE_EXEC	     the command that starts one; without it "exec" of the configuration
 *
 * What ASE_WORKDIR's file tells of a simulation that is no more is passed over, and said. The environment
 * counts for programs that run with their caller's rights alone.
 */
#ifndef BASE_ASE_FIND_H
#define BASE_ASE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ASE_SOCKET_MAX 108
#define ASE_WHY_MAX 480
#define ASE_SEGMENT 0xa5e0u /* of the PCI address of a simulation that has none; no machine has so many */
#define ASE_READY_FILE ".ase_ready.pid"

enum ase_origin { ASE_NOWHERE, ASE_BY_SOCKET, ASE_BY_WORKDIR, ASE_BY_CONFIG, ASE_BY_EXEC };

struct ase_config {
	const char *socket, *exec; /* NULL: not said */
};

struct ase_found {
	enum ase_origin origin;
	char socket[ASE_SOCKET_MAX]; /* absolute; "" with ASE_BY_EXEC */
	/* Where its clock and waves are controlled; also of one that serves only the program that started it,
	 * with ASE_NOWHERE. "": not known. */
	char control[ASE_SOCKET_MAX];
	const char *exec;	     /* borrowed, of the environment or the configuration */
	char why[ASE_WHY_MAX];	     /* why there is none, or an earlier one was passed over; or "" */
};

void ase_find(const struct ase_config *config, struct ase_found *ret);
/* The simulation that runs in a folder, as for ASE_WORKDIR; it may serve only the program that started it. */
void ase_find_in(const char *dir, struct ase_found *ret);
/* How the origin is called: "OPAE_ASE_SOCKET", ... */
const char *ase_origin_name(enum ase_origin origin);

/* What a simulation writes of itself, `key = value` in each line. */
struct ase_ready {
	pid_t pid;
	char host[65], dir[1024], socket[1024], control[1024]; /* "": not said */
};

/* True: it has a pid at least. Anything else in it is passed over. */
bool ase_ready_parse(const char *text, struct ase_ready *ret);

#endif
