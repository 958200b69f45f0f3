/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watcher that --hazards turns on: two accesses to one line, at least one of them a write, are under way
 * at once, and nothing says which comes first. Each function is called before its access is under way itself.
 */
#ifndef SIM_HOST_HAZARD_H
#define SIM_HOST_HAZARD_H

#include "sim/host/host-internal.h"

void hazard_of_read(struct host *h, const struct host_read *r);
void hazard_of_write(struct host *h, const struct host_write *w);

#endif
