/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker may ask of a path but to have it opened: what is there, to have a device locked, and, for a
 * scout, to make and remove names in the inventory's folder. It is told of devices' nodes, of /sys as far as
 * it may read there, of the inventory's and the emulator's folder, and of sockets that are named in
 * "plugins".
 */
#ifndef DAEMON_GATE_LOOK_H
#define DAEMON_GATE_LOOK_H

#include "daemon/channel.h"
#include "daemon/gate-device.h"

/*
 * Answers OPEN and CONNECT as gate.h says, with its `why`, STAT and all that stand with it in enum
 * channel_type, UEVENTS and PERF. *fd is a descriptor that goes with the answer, which the caller closes, or
 * -1. `named` as for gate_connect(). What no worker may ask is -EACCES.
 */
void gate_answer(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		 struct channel_message *answer, int *fd, char *why);

#endif
