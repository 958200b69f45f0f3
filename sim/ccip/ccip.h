/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CCI-P between an AFU's pins and the host's port. Once a cycle, after the rising edge of pClk, ccip_drive()
 * says what the AFU is given, and when the AFU has seen that, ccip_sample() takes what it asks for: so an
 * output is read as a flip-flop of the card would at the next rising edge.
 */
#ifndef SIM_CCIP_CCIP_H
#define SIM_CCIP_CCIP_H

#include "sim/host/host-port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CCIP_LINE_WORDS = 16, CCIP_HDR_WORDS = 3 };

/* What the AFU is given. Headers are as in ccip_if_pkg.sv, the data's lowest word first. */
struct ccip_rx {
	bool reset;
	bool c0_almfull, c1_almfull;
	bool c0_rsp, c0_mmio_rd, c0_mmio_wr; /* at most one in a cycle */
	bool c1_rsp;
	uint32_t c0_hdr, c1_hdr;
	const void *c0_data; /* a line, with c0_rsp and c0_mmio_wr */
};

/* What the AFU drives. The pointers are to the pins themselves. */
struct ccip_tx {
	bool c0_valid, c1_valid, c2_valid;
	const uint32_t *c0_hdr, *c1_hdr; /* CCIP_HDR_WORDS each */
	const uint32_t *c1_data;         /* CCIP_LINE_WORDS */
	uint32_t c2_tid;
	uint64_t c2_data;
};

struct ccip_options {
	bool no_byte_range; /* a card that writes whole lines alone */
	uint64_t seed;      /* shuffled: of the channels that requests on VA take */
};

struct ccip;

/* NULL: no memory. */
struct ccip *ccip_new(const struct ccip_options *options);
void ccip_free(struct ccip *c);
void ccip_drive(struct ccip *c, struct host_port *p, struct ccip_rx *ret);
void ccip_sample(struct ccip *c, struct host_port *p, const struct ccip_tx *tx);

#ifdef __cplusplus
}
#endif

#endif
