/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An accelerator in C on the port between a simulation's host and its AFU: a copy engine with the mistakes
 * that tests ask for. Registers, of 8 bytes each:
 *
 *   0x00 DFH  0x08 GUID, low  0x10 GUID, high  0x18, 0x20: 0
 *   0x28 SCRATCH   keeps what is written
 *   0x30 SRC       0x38 DST  addresses, 0x40 LINES  how many lines of 64 bytes
 *   0x48 CTL       a write starts a copy: see FAKE_*; the vector of its interrupt in bits 15:8
 *   0x50 STATUS    1 while it copies; lines that came with an error in bits 63:32
 *   0x58 FLAG      address of 8 bytes that get LINES when the copy is done (FAKE_FLAG)
 *   0x60 COPIES    how many were done       0x68 CYCLES  of the last one
 *   0x70 MUTE      a read is never answered 0x78 TWICE   a read is answered twice
 *   0x80 WIDE      64 bytes that a write of 64 sets, or words of 8
 */
#ifndef TESTS_UNIT_FAKE_AFU_H
#define TESTS_UNIT_FAKE_AFU_H

#include <stdint.h>

#include "sim/host/host-port.h"

#define FAKE_DFH UINT64_C(0x1000010000000000)
#define FAKE_GUID_LOW UINT64_C(0xa5a0b2d0c9d8e711)
#define FAKE_GUID_HIGH UINT64_C(0x5c0ffee011224466)
#define FAKE_REGS 0x100u

enum fake_register {
	FAKE_SCRATCH = 0x28,
	FAKE_SRC = 0x30,
	FAKE_DST = 0x38,
	FAKE_LINES = 0x40,
	FAKE_CTL = 0x48,
	FAKE_STATUS = 0x50,
	FAKE_FLAG_AT = 0x58,
	FAKE_COPIES = 0x60,
	FAKE_CYCLES = 0x68,
	FAKE_MUTE = 0x70,
	FAKE_TWICE = 0x78,
	FAKE_WIDE = 0x80,
};

enum fake_ctl {
	FAKE_START = 1,
	FAKE_FENCE = 2, /* before the flag and the interrupt; without, they just follow the last write */
	FAKE_INTERRUPT = 4,
	FAKE_FLAG = 8,
	FAKE_ORDERED = 16, /* writes are posted as PCIe's are */
	FAKE_EVEN = 32,    /* of each line only the bytes at even places are written */
};

enum fake_phase { FAKE_IDLE, FAKE_COPYING, FAKE_FINISHING, FAKE_WAITING };

struct fake_afu {
	uint64_t regs[FAKE_REGS / 8];
	uint64_t accesses; /* register accesses that have come */
	uint64_t last_access, least_gap; /* cycles */
	uint64_t resets;
	bool was_reset;
	enum fake_phase phase;
	uint64_t asked, written, begun; /* lines, and the cycle */
	uint32_t unanswered;            /* writes, fences, interrupts */
	unsigned int finish_step;
	bool waves;
	bool deaf; /* leaves answers to writes to the test */
};

void fake_afu_init(struct fake_afu *a);
bool fake_afu_tick(void *afu, struct host_port *p);
/* The model whose `self` is that AFU. */
struct sim_model fake_afu_model(struct fake_afu *a);

#endif
