/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCIe SS streams between an AFU's pins and the host's port. Once a cycle, after the rising edge of the
 * clock, tlp_drive() says what the AFU is given, and when the AFU has seen that, tlp_sample() takes what it
 * sends.
 *
 *   TX-A  requests of the AFU, and its answers to reads of registers
 *   TX-B  reads and interrupts alone
 *   RX-A  accesses to registers, and completions of the AFU's reads
 *   RX-B  commits of writes and interrupts
 *
 * On TX-A PCIe's order holds: a write does not pass a write, and nothing passes a write that came before it.
 * TX-B is not ordered with TX-A, but what is sent after a write's commit finds the write done.
 */
#ifndef SIM_TLP_TLP_H
#define SIM_TLP_TLP_H

#include "sim/host/host-port.h"
#include "sim/tlp/axis.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tlp_options {
	uint64_t seed;
	unsigned int stall; /* per cent of cycles in which a stream pauses, either way */
	unsigned int split; /* per cent of completions that end at a boundary of 64 bytes */
};

struct tlp;

/* NULL: no memory. */
struct tlp *tlp_new(const struct tlp_options *options);
void tlp_free(struct tlp *t);
/* Sets all but the `ready` of RX and the rest of TX. */
void tlp_drive(struct tlp *t, struct host_port *p, struct tlp_pins *pins);
void tlp_sample(struct tlp *t, struct host_port *p, const struct tlp_pins *pins);

#ifdef __cplusplus
}
#endif

#endif
