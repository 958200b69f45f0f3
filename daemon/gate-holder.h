/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which process holds a device, for workers that ask. A search looks at every descriptor of every process
 * of the machine, and everybody waits for the monitor meanwhile: so one ends after a while, the next may not
 * begin before ten times as long has passed, and what was found is told again for a second.
 */
#ifndef DAEMON_GATE_HOLDER_H
#define DAEMON_GATE_HOLDER_H

#include "base/process.h"

/*
 * `device` as the inventory has it. 0; -ENOENT: none that can be seen; -EAGAIN: it is not known now, for
 * there was no time.
 */
int gate_holder(const char *device, char out[PROCESS_NAME_MAX]);

#endif
