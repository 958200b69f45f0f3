/* SPDX-License-Identifier: BSD-3-Clause */
/* The AFU's writes and interrupts, from the request to the commit on RX-B. */
#ifndef SIM_TLP_WRITES_H
#define SIM_TLP_WRITES_H

#include "sim/host/host-port.h"
#include "sim/tlp/check.h"
#include "sim/tlp/header.h"
#include "sim/tlp/send.h"

#define TLP_WRITES 2048u /* under way at a time */

struct tlp_write {
	bool commit; /* is wanted */
	uint32_t left; /* lines that the host has not answered */
	struct tlp_header header;
};

struct tlp_writes {
	struct tlp_write slots[TLP_WRITES];
	uint16_t free[TLP_WRITES]; /* a stack of slots */
	uint32_t num_free;
	uint16_t done[TLP_WRITES]; /* a ring of slots whose commit is to be sent */
	uint32_t head, num_done;
	uint32_t unanswered; /* lines and interrupts */
};

void tlp_writes_reset(struct tlp_writes *w);
/*
 * A packet with a write or an interrupt; there is room while num_free is not 0. Ordered: not before what
 * came before; writes always are.
 */
void tlp_writes_start(struct tlp_writes *w, struct host_port *p, const struct tlp_packet *k, bool ordered);
void tlp_writes_answer(struct tlp_writes *w, uint64_t cookie);
/* Begins the next commit. */
bool tlp_writes_send(struct tlp_writes *w, struct tlp_send *s);

#endif
