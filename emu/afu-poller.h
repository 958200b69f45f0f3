/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poller: an accelerator that takes commands from memory. The program stores a command into a slot,
 * its sequence number last; the poller, which looks at all slots in turn, carries it out and stores the
 * completion with the same number, last as well. Neither side touches a register.
 *
 * This file is its whole interface and needs nothing else of the project. All numbers are in the
 * machine's byte order (little endian).
 */
#ifndef EMU_AFU_POLLER_H
#define EMU_AFU_POLLER_H

#include <stdint.h>

#define POLLER_GUID_HIGH UINT64_C(0xa572c2c2324b4afb)
#define POLLER_GUID_LOW UINT64_C(0x8d233022bd035404)

/* Registers: byte offsets, 64 bits wide; CTL has 32. Those without RW are read-only. */
enum poller_register {
	POLLER_CTL = 0x20,	  /* RW: the bits below; bit 31 is the card's */
	POLLER_MAILBOX = 0x28,	  /* RW: IO address of the first slot, a multiple of 64 */
	POLLER_SLOTS = 0x30,	  /* RW: 1 to POLLER_MAX_SLOTS */
	POLLER_STRIDE = 0x38,	  /* RW: bytes from slot to slot, a multiple of 64, at least 128 */
	POLLER_INTERVAL = 0x40,	  /* RW: microseconds between two rounds, at most POLLER_MAX_INTERVAL */
	POLLER_INTERRUPT = 0x48,  /* RW: POLLER_INTERRUPT_ON | which of the accelerator's own */
	POLLER_STATE = 0x50,	  /* enum poller_state */
	POLLER_ERROR = 0x58,	  /* enum poller_error */
	POLLER_FAULT_IOVA = 0x60, /* of the access that could not be made; of a copy, its source */
	POLLER_FAULT_SLOT = 0x68,
	POLLER_ROUNDS = 0x70,	/* looks at all slots */
	POLLER_COMMANDS = 0x78, /* completed, whatever their status */
	POLLER_NAPS = 0x80,	/* rounds after which it slept, for nothing had come for 2 ms */
};

/* A start or a stop when there is nothing to start or to stop is ignored. */
#define POLLER_START 0x1u
#define POLLER_STOP 0x2u

#define POLLER_INTERRUPT_ON 0x80000000u /* after each completion */
#define POLLER_MAX_SLOTS 64u
#define POLLER_MIN_STRIDE 128u
#define POLLER_MAX_STRIDE 1048576u
#define POLLER_MAX_INTERVAL 1000000u
#define POLLER_MAX_BYTES 16777216u /* of one command */

enum poller_state { POLLER_IDLE, POLLER_POLLING, POLLER_STOPPED, POLLER_FAILED };

/* Each ends the polling. */
enum poller_error {
	POLLER_OK,
	POLLER_ERROR_DMA,   /* a slot, or memory that a command names, could not be reached */
	POLLER_ERROR_SETUP, /* mailbox, slots, stride or interval are not as above */
};

enum poller_opcode {
	POLLER_ECHO = 1, /* the result is the operand */
	POLLER_COPY,	 /* length bytes from source to destination */
	POLLER_SUM,	 /* the result is the operand plus the sum of length bytes of the source */
};

/* At the beginning of a slot. A number that is not 0 and not the last one is a new command. */
struct poller_command {
	uint64_t sequence; /* stored last */
	uint32_t opcode, length;
	uint64_t source, destination; /* IO addresses */
	uint64_t operand;
	uint64_t reserved[3];
};

enum poller_status {
	POLLER_DONE,
	POLLER_BAD_OPCODE,
	POLLER_BAD_LENGTH,
	POLLER_FAULT, /* and the polling has ended */
};

/*
 * 64 bytes behind it. When the polling starts, its number is taken for the last one: what was
 * completed before is not done again. So a program clears the slots before the first start.
 */
struct poller_completion {
	uint64_t sequence; /* stored last */
	uint32_t status, length;
	uint64_t result;
	uint64_t reserved[5];
};

#define POLLER_COMPLETION 64u

#endif
