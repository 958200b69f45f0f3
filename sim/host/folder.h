/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose the folder is. The first simulation in it has the plain names, and is the one that .ase_ready.pid
 * leads to; the files of others that run there at the same time end in .PID.
 */
#ifndef SIM_HOST_FOLDER_H
#define SIM_HOST_FOLDER_H

#include <stddef.h>

struct settings;

/* What holds the folder until it is closed, or -1: s->suffix is set if another simulation has it. */
int folder_take(struct settings *s);
/* Of one of this simulation's files. */
void folder_path(const struct settings *s, const char *name, char *path, size_t room);

#endif
