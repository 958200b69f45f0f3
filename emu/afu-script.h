/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The script accelerator: it carries out a small program, one step strictly after the other, each seen by
 * everybody before the next begins. For tests of order: whether what a device wrote before its flag
 * is seen after the flag, whether an interrupt comes before the data, and the like.
 *
 * This file is its whole interface and needs nothing else of the project. All numbers are in the
 * machine's byte order (little endian).
 *
 * Use: store instructions into the window (or a buffer), their number into SCRIPT_COUNT, and SCRIPT_START
 * (or SCRIPT_START_FETCH) into SCRIPT_CTL; wait until SCRIPT_RUNS has grown by one; read SCRIPT_STATE, and
 * when it is not SCRIPT_DONE, SCRIPT_ERROR and SCRIPT_PC. A start while a program runs is ignored.
 */
#ifndef EMU_AFU_SCRIPT_H
#define EMU_AFU_SCRIPT_H

#include <stdint.h>

#define SCRIPT_GUID_HIGH UINT64_C(0xd1db1b1592cd4b6d)
#define SCRIPT_GUID_LOW UINT64_C(0xb837abf910213b89)

/* Registers: byte offsets, 64 bits wide; CTL has 32. Those without RW are read-only. */
enum script_register {
	SCRIPT_CTL = 0x20,     /* RW: the bits below; bit 31 is the card's */
	SCRIPT_COUNT = 0x28,   /* RW: instructions of the program */
	SCRIPT_PROGRAM = 0x30, /* RW: its IO address, for SCRIPT_START_FETCH */
	SCRIPT_LIMIT = 0x38,   /* RW: steps after which it is ended; 0: SCRIPT_DEFAULT_LIMIT */
	SCRIPT_STATE = 0x40,   /* enum script_state */
	SCRIPT_PC = 0x48,      /* the instruction at which it ended, begun or not, or is now */
	SCRIPT_ERROR = 0x50,   /* enum script_error */
	SCRIPT_STEPS = 0x58,   /* steps begun */
	SCRIPT_LAST = 0x60,    /* the last value read: by READ64, WAIT, WAIT_MAILBOX, FETCH_ADD */
	SCRIPT_RUNS = 0x68,    /* programs ended; written after all of the above */
	SCRIPT_R0 = 0x80,      /* eight registers of the program; 0 at its start */
	SCRIPT_MAILBOX0 = 0xc0, /* RW: eight values for it to wait for */
	SCRIPT_TRACE = 0x400,   /* ring of entries of 16 bytes; step n is in entry n % 64, from 0 */
	SCRIPT_WINDOW = 0x1000, /* RW: 128 instructions of 32 bytes */
};

#define SCRIPT_START 0x1u
#define SCRIPT_STOP 0x2u
#define SCRIPT_START_FETCH 0x4u

#define SCRIPT_NUM_REGISTERS 8u
#define SCRIPT_NUM_MAILBOXES 8u
#define SCRIPT_TRACE_ENTRIES 64u
#define SCRIPT_WINDOW_COUNT 128u  /* instructions in the window */
#define SCRIPT_MAX_COUNT 1024u	  /* instructions fetched from memory */
#define SCRIPT_DEFAULT_LIMIT 65536u
#define SCRIPT_MAX_LIMIT 16777216u
#define SCRIPT_MAX_BYTES 16777216u /* of one copy or fill */
#define SCRIPT_MAX_WAIT_US 100000000u

enum script_state { SCRIPT_IDLE, SCRIPT_RUNNING, SCRIPT_DONE, SCRIPT_FAILED, SCRIPT_STOPPED };

enum script_error {
	SCRIPT_OK,
	SCRIPT_ERROR_DMA,     /* memory could not be reached */
	SCRIPT_ERROR_TIMEOUT, /* of a wait */
	SCRIPT_ERROR_OPCODE,  /* there is no such instruction */
	SCRIPT_ERROR_OPERAND, /* a register, alignment, length, time or target that is not allowed */
	SCRIPT_ERROR_LIMIT,   /* too many steps */
	SCRIPT_ERROR_PROGRAM, /* the count is 0, or more than there may be */
};

/*
 * Words of 4 and 8 bytes are naturally aligned. `index` adds a register to `a` first. IO addresses are
 * what fpgaGetIOAddress() tells.
 */
enum script_opcode {
	SCRIPT_END,	     /* so does the program's last instruction */
	SCRIPT_WRITE32,	     /* a: address, b: value */
	SCRIPT_WRITE64,	     /* a: address, b: value */
	SCRIPT_WRITE_REG,    /* a: address; writes the register's 8 bytes */
	SCRIPT_READ64,	     /* a: address; into the register */
	SCRIPT_COPY,	     /* a: to, b: from, c: bytes */
	SCRIPT_FILL,	     /* a: address, b: pattern of 8 bytes, c: bytes */
	SCRIPT_FETCH_ADD,    /* a: address, b: added to its 8 bytes; the old value into the register */
	SCRIPT_WAIT,	     /* a: address of 8 bytes; until (they & b) == c, at most limit_us */
	SCRIPT_WAIT_MAILBOX, /* a: number; until (its value & b) == c, at most limit_us */
	SCRIPT_DELAY,	     /* limit_us */
	SCRIPT_INTERRUPT,    /* a: which of the accelerator's own */
	SCRIPT_ADD,	     /* b: added to the register */
	SCRIPT_LOOP,	     /* a: an earlier instruction; goes back there b times in all */
	SCRIPT_NUM_OPCODES
};

struct script_insn {
	uint32_t op;	   /* opcode | register << 8 | (index register + 1, or 0) << 12 */
	uint32_t limit_us; /* at most SCRIPT_MAX_WAIT_US */
	uint64_t a, b, c;
};

/* The trace's entry of a step. */
struct script_trace {
	uint16_t pc;
	uint8_t opcode, error;
	uint32_t step;
	uint64_t value; /* what was read; for others the address `a` */
};

#define SCRIPT_OPCODE(op) ((op)&0xffu)
#define SCRIPT_REGISTER(op) ((op) >> 8 & 0xfu)
#define SCRIPT_INDEX(op) ((op) >> 12 & 0xfu)
#define SCRIPT_OP_BITS 0xffffu

/* ---- encoders ---- */

static inline struct script_insn script_insn(enum script_opcode op, uint64_t a, uint64_t b,
					     uint64_t c)
{
	struct script_insn i = { (uint32_t)op, 0, a, b, c };

	return i;
}

static inline struct script_insn script_write32(uint64_t iova, uint32_t value)
{
	return script_insn(SCRIPT_WRITE32, iova, value, 0);
}

static inline struct script_insn script_write64(uint64_t iova, uint64_t value)
{
	return script_insn(SCRIPT_WRITE64, iova, value, 0);
}

static inline struct script_insn script_copy(uint64_t to, uint64_t from, uint64_t bytes)
{
	return script_insn(SCRIPT_COPY, to, from, bytes);
}

static inline struct script_insn script_fill(uint64_t iova, uint64_t pattern, uint64_t bytes)
{
	return script_insn(SCRIPT_FILL, iova, pattern, bytes);
}

/* r: 0 to 7, of these and of script_indexed(). */
static inline struct script_insn script_with_register(struct script_insn i, unsigned int r)
{
	i.op |= (r & 0xfu) << 8;
	return i;
}

static inline struct script_insn script_write_register(uint64_t iova, unsigned int r)
{
	return script_with_register(script_insn(SCRIPT_WRITE_REG, iova, 0, 0), r);
}

static inline struct script_insn script_read64(unsigned int r, uint64_t iova)
{
	return script_with_register(script_insn(SCRIPT_READ64, iova, 0, 0), r);
}

static inline struct script_insn script_fetch_add(unsigned int r, uint64_t iova, uint64_t addend)
{
	return script_with_register(script_insn(SCRIPT_FETCH_ADD, iova, addend, 0), r);
}

static inline struct script_insn script_add(unsigned int r, uint64_t addend)
{
	return script_with_register(script_insn(SCRIPT_ADD, 0, addend, 0), r);
}

static inline struct script_insn script_wait(uint64_t iova, uint64_t mask, uint64_t value,
					     uint32_t limit_us)
{
	struct script_insn i = script_insn(SCRIPT_WAIT, iova, mask, value);

	i.limit_us = limit_us;
	return i;
}

static inline struct script_insn script_wait_mailbox(unsigned int n, uint64_t mask, uint64_t value,
						     uint32_t limit_us)
{
	struct script_insn i = script_insn(SCRIPT_WAIT_MAILBOX, n, mask, value);

	i.limit_us = limit_us;
	return i;
}

static inline struct script_insn script_delay(uint32_t us)
{
	struct script_insn i = script_insn(SCRIPT_DELAY, 0, 0, 0);

	i.limit_us = us;
	return i;
}

static inline struct script_insn script_interrupt(unsigned int n)
{
	return script_insn(SCRIPT_INTERRUPT, n, 0, 0);
}

static inline struct script_insn script_loop(unsigned int target, uint64_t times)
{
	return script_insn(SCRIPT_LOOP, target, times, 0);
}

static inline struct script_insn script_end(void)
{
	return script_insn(SCRIPT_END, 0, 0, 0);
}

/* The instruction's `a` is added to register r, so that a loop can move through memory. */
static inline struct script_insn script_indexed(struct script_insn i, unsigned int r)
{
	i.op |= ((r + 1) & 0xfu) << 12;
	return i;
}

/* The n-th of an instruction's four words, as the window takes them. */
static inline uint64_t script_word(const struct script_insn *i, unsigned int n)
{
	uint64_t words[4] = { i->op | (uint64_t)i->limit_us << 32, i->a, i->b, i->c };

	return words[n & 3];
}

/* From two words as the trace shows them. */
static inline struct script_trace script_trace(uint64_t first, uint64_t second)
{
	struct script_trace t = { (uint16_t)first, (uint8_t)(first >> 16), (uint8_t)(first >> 24),
				  (uint32_t)(first >> 32), second };

	return t;
}

#endif
