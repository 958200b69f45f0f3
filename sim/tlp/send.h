/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet on its way to the AFU, beat by beat. */
#ifndef SIM_TLP_SEND_H
#define SIM_TLP_SEND_H

#include "sim/tlp/axis.h"
#include "sim/tlp/header.h"

struct tlp_send {
	uint8_t bytes[TLP_HEADER + TLP_MAX_PAYLOAD];
	uint32_t size; /* 0: no packet */
	uint32_t sent;
	uint16_t user;
	bool shown; /* the AFU has seen the beat, so it stays until it is taken */
};

static inline bool tlp_send_busy(const struct tlp_send *s)
{
	return s->size;
}

/* `payload` are h->length bytes if the type has data. The packet before is gone. */
void tlp_send_begin(struct tlp_send *s, const struct tlp_header *h, const void *payload);
/*
 * Puts the next beat on the stream, if there is a packet. A pause keeps back a beat that was not shown
 * yet.
 */
void tlp_send_drive(struct tlp_send *s, struct axis *a, bool pause);
/* The AFU took the beat. True: it was the packet's last. */
bool tlp_send_taken(struct tlp_send *s);

#endif
