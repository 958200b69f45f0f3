/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of PCIe SS streams and packets that an AFU can break. What breaks one is reported by host_error()
 * under the name that stands beside it in docs/simulation-pcie-ss.md; a packet that breaks one is dropped.
 */
#ifndef SIM_TLP_CHECK_H
#define SIM_TLP_CHECK_H

#include "sim/host/host-port.h"
#include "sim/tlp/axis.h"
#include "sim/tlp/header.h"

/* A valid in reset is forgiven for as long: an AFU may hand its reset on through a few registers. */
#define TLP_RESET_GRACE 32u

/* ---- the handshake of one stream ---- */

struct tlp_handshake {
	const char *name;       /* of the stream, for messages */
	bool waiting;           /* valid without ready in the last cycle, with: */
	struct axis_beat beat;
	uint32_t reset_cycles;  /* with valid, since the reset began */
};

/* Once a cycle, when valid and ready are what they are at its end. */
void tlp_check_handshake(struct tlp_handshake *s, struct host_port *p, bool reset, const struct axis *a);

/* ---- packets ---- */

/* A packet as its beats come in. All zeros: between two packets. */
struct tlp_packet {
	bool begun;
	bool dropped; /* it broke a rule: nothing but its end matters */
	uint16_t user;
	struct tlp_header header;
	uint32_t bytes; /* of the payload that is here */
	uint8_t payload[TLP_MAX_PAYLOAD];
};

/* Takes a beat. True: the packet is whole and keeps the rules; the next beat begins another. */
bool tlp_packet_beat(struct tlp_packet *k, struct host_port *p, bool tx_b,
	const struct axis_beat *b);

/* What an AFU's completion answers. */
struct tlp_asked {
	bool waiting;
	uint32_t address;
	uint32_t bytes;
};

#define TLP_HOST_ID 0x0010u /* the host as a requester: to be copied into the completion */

/* `asked` is that of the completion's tag, or NULL if there cannot be one. */
bool tlp_check_completion(struct host_port *p, const struct tlp_header *h, const struct tlp_asked *asked);

#endif
