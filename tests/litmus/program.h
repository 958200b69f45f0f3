/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A litmus program: what one or two threads of a program and one device do with a few places in shared
 * buffers, and its text, by which a failure is replayed. For example
 *
 *	x@0.0/8 f@0.4096/8 | P x=0x1111 f=1 | P m0=1 | D m0==1 ?f ?x
 *
 * Sections are parted by '|', words by blanks. The first has the places: a letter, @, buffer (0 to 3; 2
 * and 3 belong to the second handle of the accelerator), offset, width. Then come the threads: P, or S
 * for one whose register accesses go by the second handle. Last the device: D, the script accelerator,
 * or Q, the poller, whose steps are those of commands in one slot: c==1 y:=x d=1, and again with 2, ...
 *
 *	x=V	store			both	?x	load			both
 *	x==V	wait until it is V	both	y:=x	copy 8 bytes		D, Q
 *	m0=V	write a register	P, S	m0==V	wait until it is V	D
 *	r4=V	put into a register	D	r4==V	read it until it is V	P, S
 *	?r4	read a register		P, S	go	start the device	P, S
 *	irq	raise the interrupt	D	event	wait for it		P, S
 *	fence	of the CPU		P, S	free0	release the buffer	P, S
 *
 * A device that no thread starts runs before they do. Its loads bring the whole aligned 8 bytes, into
 * r0, r1, ... Each irq has its event. The poller knows of no m0 and r0: written they change nothing, and
 * what is read is 0.
 */
#ifndef TESTS_LITMUS_PROGRAM_H
#define TESTS_LITMUS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LITMUS_THREADS 2u
#define LITMUS_DEVICE LITMUS_THREADS /* the device's index among the agents */
#define LITMUS_AGENTS 3u
#define LITMUS_PLACES 8u
#define LITMUS_STEPS 12u /* of an agent */
#define LITMUS_BUFFERS 4u
#define LITMUS_BUFFER_BYTES 16384u
#define LITMUS_REGISTERS 8u
#define LITMUS_MAILBOXES 4u
#define LITMUS_RESULTS 12u
#define LITMUS_TEXT 1024u
#define LITMUS_PAGE 4096u

enum litmus_op {
	OP_STORE,
	OP_LOAD,
	OP_WAIT,
	OP_COPY,
	OP_WRITE,      /* a mailbox of the device */
	OP_WAIT_WRITE, /* the device, for it */
	OP_SET,	       /* a register of the device */
	OP_READ,
	OP_WAIT_READ,
	OP_GO,
	OP_IRQ,
	OP_EVENT,
	OP_FENCE,
	OP_FREE,
};

struct litmus_step {
	uint8_t op;
	uint8_t at;	/* place, mailbox, register or buffer */
	uint8_t from;	/* of a copy: place */
	uint8_t result; /* of what reads: where in the outcome */
	uint64_t value;
};

struct litmus_agent {
	struct litmus_step steps[LITMUS_STEPS];
	unsigned int num;
	bool second; /* by the second handle */
};

struct litmus_place {
	char name;
	uint8_t buffer, width;
	uint16_t offset;
	uint8_t word; /* which of the program's words it lies in, and at which byte of it */
	uint8_t shift;
};

struct litmus_word {
	uint8_t buffer;
	uint16_t offset;
};

struct litmus_program {
	struct litmus_place places[LITMUS_PLACES];
	struct litmus_word words[LITMUS_PLACES];
	struct litmus_agent agents[LITMUS_AGENTS];
	unsigned int num_places, num_words, num_threads, num_results;
	uint8_t result_of[LITMUS_REGISTERS]; /* r0, r1, ...: which result; beyond num_loads: none */
	unsigned int num_loads;		     /* of the device */
	bool poller, has_go;
};

/* What was seen: loads in the order of the text, the end, and the words at both ends. */
struct litmus_outcome {
	uint64_t results[LITMUS_RESULTS];
	uint64_t failed; /* the device ended with a fault */
	uint64_t program[LITMUS_PLACES], device[LITMUS_PLACES]; /* 0 in buffers that were released */
};

static inline unsigned int litmus_page(const struct litmus_word *w)
{
	return w->buffer * (LITMUS_BUFFER_BYTES / LITMUS_PAGE) + w->offset / LITMUS_PAGE;
}

/* All ones in the bytes of the place, within its word. */
static inline uint64_t litmus_mask(const struct litmus_place *p)
{
	return (p->width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * p->width) - 1) << 8 * p->shift;
}

/* Of the agent's steps. */
unsigned int litmus_count(const struct litmus_program *p, unsigned int agent, enum litmus_op op);

/* The buffers, a bit for each, that the program releases. */
unsigned int litmus_freed(const struct litmus_program *p);

/* False: *why says what is wrong with the text. */
bool litmus_parse(const char *text, struct litmus_program *ret, const char **why);
void litmus_print(const struct litmus_program *p, char text[LITMUS_TEXT]);
void litmus_print_outcome(const struct litmus_program *p, const struct litmus_outcome *o,
			  char text[LITMUS_TEXT]);

#endif
