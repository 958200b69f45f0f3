/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's port as a test wants it: 64 KiB of memory at address 0 and 64 KiB at FAKE_HIGH, answers when
 * the test lets them out, and a note of the rule that was broken last.
 */
#ifndef TESTS_UNIT_FAKE_PORT_H
#define TESTS_UNIT_FAKE_PORT_H

#include "sim/host/host-port.h"

#define FAKE_MEMORY 0x10000u
#define FAKE_HIGH UINT64_C(0x7100000000)
#define FAKE_QUEUE 2048u

struct fake_port {
	struct host_port port; /* first: a port is a fake */
	uint8_t low[FAKE_MEMORY], high[FAKE_MEMORY];
	bool hold_reads, hold_writes; /* no answers */
	bool full; /* requests are refused */

	bool access_waits;
	struct host_mmio access;
	unsigned int answers; /* to reads of registers */
	uint32_t answer_tag;
	uint64_t answer;

	struct host_read reads[FAKE_QUEUE];
	struct host_atomic atomics[FAKE_QUEUE]; /* of those that are one; else bytes are 0 */
	uint32_t read_head, read_num, read_at; /* read_at: pieces of the first that went out */
	uint8_t line[HOST_LINE]; /* the last that was read */
	struct host_write_done writes[FAKE_QUEUE];
	uint32_t write_head, write_num;
	uint32_t num_reads, num_writes;
	bool all_ordered; /* of writes and interrupts */
	uint64_t enables; /* of the last write */
	int vector; /* of the last interrupt; -1: none */
	bool vector_ordered;
	uint32_t channel; /* of the last write, fence or interrupt */

	unsigned int active; /* how often the AFU was */
	unsigned int errors, warnings;
	char rule[32], warning[32];
};

void fake_port_init(struct fake_port *f);
/* Before each cycle: sets what is ready. */
void fake_port_cycle(struct fake_port *f);
/* The memory at an address, or NULL. */
uint8_t *fake_port_memory(struct fake_port *f, uint64_t iova, uint32_t bytes);

#endif
