/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetch-and-add, swap and compare-and-swap: what a packet says of one. Its answer is that of a read. */
#ifndef SIM_TLP_ATOMIC_H
#define SIM_TLP_ATOMIC_H

#include "sim/host/host-port.h"
#include "sim/tlp/check.h"

/* Bytes of an operand, which are those of the answer. */
uint32_t tlp_atomic_bytes(const struct tlp_header *h);
/* What the host is asked to do. */
struct host_atomic tlp_atomic(const struct tlp_packet *k);

#endif
