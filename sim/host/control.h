/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: what `opae ase` asks a simulation, beside the client that it serves. It lies beside
 * the device's socket with `.ctl` behind its name (WORKDIR/ase.ctl where there is only an inherited one);
 * its path is the `control` of .ase_ready.pid. Whoever may connect to the device may connect to it; up to
 * four at a time.
 *
 * A request is one line, and so is its answer: "ok" with KEY=VALUE words, or "error" and what is wrong in
 * words.
 *
 *   status         ok model=NAME pid=N cycle=N state=running|stopped|reset run=MODE order=strict|shuffle
 *                  seed=N client=0|1 sessions=N errors=N warnings=N mmio=N reads=N writes=N wave=on|off
 *                  (mmio, reads, writes: accesses and lines that are under way)
 *   rules          ok RULE=ERRORS/WARNINGS ... of those that were broken
 *   wave on PATH   waves go to a new file from the next cycle on. The rest of the line is the path; a
 *                  relative one begins where the simulation was started.
 *   wave off
 *   run MODE       idle-stop[:N], free, lockstep[:K] or paused, as --run has them
 *   step N         the clock makes N cycles, whatever the mode; the answer, ok cycle=N, comes when it has.
 *                  Steps of several clients run at once; who hangs up takes his back.
 *   end            the simulation ends as by SIGTERM
 */
#ifndef SIM_HOST_CONTROL_H
#define SIM_HOST_CONTROL_H

#include <poll.h>

#include "sim/host/host-internal.h"

#define CONTROL_FDS 5 /* the listener and four that are connected */

/* The listener's path. 0 or a negative errno. */
int control_new(struct host *h, const char *path);
void control_free(struct control *c); /* unlinks the path; NULL is fine */
void control_wants(const struct control *c, struct pollfd fds[CONTROL_FDS]);
void control_step(struct host *h, const struct pollfd fds[CONTROL_FDS]);
/* Answers who waits for a step that has been made. */
void control_stepped(struct host *h);

/*
 * Does what a line asks for. The answer has its newline; it is "" when it comes later, in the cycle *until.
 */
void control_line(struct host *h, const char *line, char *answer, size_t room, uint64_t *until);

#endif
