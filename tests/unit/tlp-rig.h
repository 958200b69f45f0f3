/* SPDX-License-Identifier: BSD-3-Clause */
/* The adapter of PCIe SS streams with its pins in a test's hands: packets in, packets out. */
#ifndef TESTS_UNIT_TLP_RIG_H
#define TESTS_UNIT_TLP_RIG_H

#include "sim/tlp/header.h"
#include "sim/tlp/tlp.h"
#include "tests/unit/fake-port.h"

#define RIG_CYCLES 4000u /* a packet that did not come until then does not come */

/* What was received on RX-A or RX-B. */
struct rig_packet {
	struct tlp_header header;
	uint16_t user;
	uint32_t bytes;
	uint8_t data[HOST_MAX_READ];
};

struct tlp_rig {
	struct fake_port *fake;
	struct tlp *tlp;
	struct tlp_pins pins;
	struct rig_packet a, b; /* being received */
	unsigned int num_a, num_b; /* whole ones that came */
	struct rig_packet last_a, last_b;
	bool in_a, in_b;
};

/* Out of reset, with these options. */
void tlp_rig_up(struct tlp_rig *r, const struct tlp_options *options);
void tlp_rig_down(struct tlp_rig *r);
/* A cycle with the pins of TX and the ready of RX as they are; they stay. */
void tlp_rig_cycle(struct tlp_rig *r);
/* Sends one beat and waits until it is taken. */
void tlp_rig_beat(struct tlp_rig *r, struct axis *stream, const struct axis_beat *b);
/* Sends a packet on TX-A or TX-B: what it has is header->length bytes of `data` if its type has data. */
void tlp_rig_send(struct tlp_rig *r, struct axis *stream, const struct tlp_header *h, const void *data);
/* Until `n` packets came on RX-A, RX-B; the last is in last_a, last_b. */
void tlp_rig_await_a(struct tlp_rig *r, unsigned int n);
void tlp_rig_await_b(struct tlp_rig *r, unsigned int n);
void tlp_rig_run(struct tlp_rig *r, unsigned int cycles);

#endif
