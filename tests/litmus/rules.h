/* SPDX-License-Identifier: BSD-3-Clause */
/* What model.h describes, as states and the steps between them. */
#ifndef TESTS_LITMUS_RULES_H
#define TESTS_LITMUS_RULES_H

#include "tests/litmus/model.h"

#define RULES_QUEUE 14u
#define NOT_STARTED 0xffu

enum item_kind { STORE, WRITE, GO, MARK, EVENT };

/* What is on its way from one side to the other. */
struct item {
	uint8_t kind, word;
	uint8_t at;	/* a mailbox, or the thread that waits for the mark */
	uint8_t handle; /* to which it belongs */
	uint32_t pad;
	uint64_t mask, value;
};

struct queue {
	uint64_t num;
	struct item items[RULES_QUEUE];
};

struct thread {
	uint8_t pc, drained; /* stores and register writes from drained to pc are in its buffer */
	uint8_t waits;	     /* for its mark */
	uint8_t pad;
};

struct state {
	struct thread threads[LITMUS_THREADS];
	uint8_t dev_pc, half, failed, gone, events, pad[3];
	uint64_t latch;			   /* what a copy that is half done has read */
	uint64_t memory[2][LITMUS_PLACES]; /* the program's and the device's; locally the first alone */
	uint64_t regs[LITMUS_REGISTERS], mailboxes[LITMUS_MAILBOXES];
	uint64_t results[LITMUS_RESULTS];
	struct queue down, up; /* to the device, to the program */
};

struct rules {
	const struct litmus_program *p;
	unsigned int flags; /* of the model */
	/* Bytes that a change of each word has, at most and at least. */
	uint8_t longest[LITMUS_PLACES], shortest[LITMUS_PLACES];
	bool both[LITMUS_PLACES]; /* program and device store to it */
};

/* Called with each state that can come next; it may call rules_steps() itself. */
typedef void rules_each(void *ctx, const struct state *s);

/* Is there room for all that may be on its way? */
bool rules_fit(const struct litmus_program *p);
struct rules rules_of(const struct litmus_program *p, unsigned int flags);
struct state rules_start(const struct rules *r);
/* False: there is no next state. */
bool rules_steps(const struct rules *r, const struct state *s, rules_each *each, void *ctx);
/* Everybody has done all he was to do. */
bool rules_is_end(const struct rules *r, const struct state *s);

#endif
