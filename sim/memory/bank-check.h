/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of a bank's interface. A rule that is broken is reported to the host by its name. */
#ifndef SIM_MEMORY_BANK_CHECK_H
#define SIM_MEMORY_BANK_CHECK_H

#include "sim/memory/bank.h"

struct bank_check {
	unsigned int reset_edges;
	struct bank_request waiting;	/* not taken at the last edge; without read and write: none */
	uint32_t data[BANK_LINE_WORDS]; /* of that */
};

/* At each edge; `wait`: nothing is taken at it. */
void bank_check_edge(struct bank_check *k, struct host_port *p, const struct bank_request *r, bool wait);
/* The first beat of a burst in a bank of so many lines. False: nothing can be made of it. */
bool bank_check_burst(struct host_port *p, const struct bank_request *r, uint64_t lines);
/* A later beat of a write of `burst` lines. False: it is none. */
bool bank_check_beat(struct host_port *p, const struct bank_request *r, uint32_t burst);

#endif
