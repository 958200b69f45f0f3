/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The AFU's reads by tag, from the request to the last completion. What the host answers line by line is
 * gathered; a completion tells its length in front, so it is sent when all of it is here.
 */
#ifndef SIM_TLP_READS_H
#define SIM_TLP_READS_H

#include "sim/host/host-port.h"
#include "sim/tlp/header.h"
#include "sim/tlp/send.h"

struct tlp_read {
	bool busy;
	bool failed; /* a part of it is not mapped */
	struct tlp_header header;
	uint32_t sent; /* bytes of data that went out */
	uint8_t data[TLP_MAX_PAYLOAD];
};

struct tlp_reads {
	struct tlp_read tags[TLP_TAGS];
	uint16_t ready[TLP_TAGS]; /* a ring of tags with something to send */
	uint32_t head, num;
};

/* Takes the tag. False: it is in use. */
bool tlp_reads_open(struct tlp_reads *r, const struct tlp_header *h);
/* The data of this tag is here, or it failed. */
void tlp_reads_ready(struct tlp_reads *r, uint16_t tag);
/* A line of the host's for a tag. True: it was the last. */
bool tlp_reads_line(struct tlp_reads *r, const struct host_read_line *line);
/*
 * Begins the next completion; its tag, or -1: there is none. `split`: it ends at the next multiple of 64
 * bytes, and another tag's may follow.
 */
int tlp_reads_send(struct tlp_reads *r, bool split, struct tlp_send *s);
/* The last beat of a completion was taken: if it was the read's last, the tag is free. */
void tlp_reads_sent(struct tlp_reads *r, uint16_t tag);

#endif
