/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bank of local memory behind Avalon's memory-mapped interface: bursts, byte enables, wait requests, reads
 * that are answered later. As of a DDR's controller, all is done in the order in which it is taken.
 *
 * bank_edge() is called for each rising edge of the bank's clock, with what the AFU drove before that edge;
 * what it gives is driven to the AFU from then on.
 */
#ifndef SIM_MEMORY_BANK_H
#define SIM_MEMORY_BANK_H

#include "sim/host/host-port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BANK_LINE_WORDS = 16, BANK_MAX_BURST = 64 };

/* The pointer is to the pins themselves. */
struct bank_request {
	bool reset; /* the bank's, as the AFU saw it at that edge */
	bool read, write;
	uint32_t burst;
	uint64_t address; /* in lines */
	uint64_t enables;
	const uint32_t *data; /* BANK_LINE_WORDS */
};

struct bank_answer {
	bool wait; /* what is asked for is not taken at the next edge */
	bool valid;
	uint32_t data[BANK_LINE_WORDS];
};

struct bank_options {
	uint64_t lines;
	uint64_t seed;
	unsigned int latency; /* edges from a read to its first line */
	unsigned int stall;   /* of a hundred edges: nothing is taken, and no line comes */
	bool shuffle;	      /* a read takes up to four times its latency */
};

struct bank;

int bank_new(const struct bank_options *options, struct bank **ret); /* 0 or a negative errno */
void bank_free(struct bank *b);
void bank_edge(struct bank *b, struct host_port *p, const struct bank_request *r, struct bank_answer *a);

#ifdef __cplusplus
}
#endif

#endif
