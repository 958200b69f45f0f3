/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WORKDIR/.ase_ready.pid, by which programs find a simulation: lines of `key = value` with pid, host, dir,
 * uid, socket (not for one that serves only an inherited socket) and control (where there is a control
 * socket). It is there from when clients can connect until the simulation ends.
 */
#ifndef SIM_HOST_READY_H
#define SIM_HOST_READY_H

struct settings;

/* control: a path, or "". Writes nothing where another simulation has the folder. 0 or a negative errno. */
int ready_write(const struct settings *s, const char *control);
/* Unless another simulation has written its own since. */
void ready_remove(const struct settings *s);

#endif
