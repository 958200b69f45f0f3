/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fetch-and-add, swap and compare-and-swap. One at a time: read, write, answer; the streams stand still
 * meanwhile, so no other request of the AFU comes between. A program on the host that changes the same
 * bytes in between is not seen: the host's port has no atomic access.
 */
#ifndef SIM_TLP_ATOMIC_H
#define SIM_TLP_ATOMIC_H

#include "sim/host/host-port.h"
#include "sim/tlp/check.h"
#include "sim/tlp/reads.h"

#define TLP_ATOMIC_COOKIE UINT64_MAX /* of its write */

struct tlp_atomic {
	bool busy;
	uint8_t type;
	uint16_t tag;
	uint8_t operands[16];
};

/* The tag is open in `reads`, and the read of the host's memory is under way. */
void tlp_atomic_start(struct tlp_atomic *a, const struct tlp_packet *k);
/* What was read is here: writes the new value. */
void tlp_atomic_read(struct tlp_atomic *a, struct host_port *p, struct tlp_reads *r);
/* The write was answered. */
void tlp_atomic_written(struct tlp_atomic *a, struct tlp_reads *r, bool error);

/* Bytes of an operand, which are those of the answer. */
uint32_t tlp_atomic_bytes(const struct tlp_header *h);

#endif
