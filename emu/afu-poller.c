/* SPDX-License-Identifier: BSD-3-Clause */
/* The poller: see afu-poller.h. */
#include "emu/afu-poller.h"

#include <stddef.h>
#include <string.h>

#include "emu/board.h"
#include "emu/idle.h"
#include "emu/run.h"

#define CTL_BITS (POLLER_START | POLLER_STOP)
#define REGISTERS_END (POLLER_NAPS + 8)
#define STEP_BYTES (1u << 20) /* of a copy, between two looks at whether to go on */
#define SUM_BYTES 65536u
#define SLEEP_SLICE NS_PER_MS

_Static_assert(sizeof(struct poller_command) == POLLER_COMPLETION, "a line");
_Static_assert(sizeof(struct poller_completion) == 64, "a line");

struct setup {
	uint64_t mailbox, slots, stride, interval, interrupt;
};

struct poller {
	struct run run;
	struct setup setup;
	uint64_t last[POLLER_MAX_SLOTS]; /* the sequence number that each slot had */
	uint8_t bytes[SUM_BYTES];
};

static void reset(struct block *a)
{
	struct poller *p = a->state;

	memset(a->regs, 0, REGISTERS_END);
	block_put_identity(a);
	run_init(&p->run);
	block_put32(a, POLLER_CTL, RUN_SEEN * a->mapped);
}

/* ---- control, lock held ---- */

static void control(struct block *a, uint32_t ctl)
{
	struct poller *p = a->state;

	if (ctl & POLLER_STOP) {
		run_stop(&p->run);
	} else if ((ctl & POLLER_START) && run_start(&p->run)) {
		p->setup = (struct setup){ .mailbox = block_get64(a, POLLER_MAILBOX),
					   .slots = block_get64(a, POLLER_SLOTS),
					   .stride = block_get64(a, POLLER_STRIDE),
					   .interval = block_get64(a, POLLER_INTERVAL),
					   .interrupt = block_get64(a, POLLER_INTERRUPT) };
		for (uint64_t at = POLLER_ERROR; at < REGISTERS_END; at += 8)
			block_put64(a, at, 0);
		block_put64(a, POLLER_STATE, POLLER_POLLING);
	}
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7);

	if (offset == POLLER_CTL) {
		block_put32(a, POLLER_CTL, (uint32_t)value & CTL_BITS);
		control(a, (uint32_t)value & CTL_BITS);
	} else if (reg >= POLLER_MAILBOX && reg <= POLLER_INTERRUPT) {
		block_store(a, offset, value, bytes);
	}
}

static bool look(struct block *a)
{
	uint32_t ctl;

	if (!run_look(a, POLLER_CTL, &ctl))
		return false;
	control(a, ctl & CTL_BITS);
	return true;
}

static bool has_work(struct block *a)
{
	const struct poller *p = a->state;

	return p->run.armed;
}

/* ---- polling, on the engine thread ---- */

struct pass {
	struct block *afu;
	struct poller *poller;
	struct setup setup;
	uint64_t slot, rounds, commands, naps;
	enum poller_error error;
};

static bool goes_on(struct pass *s)
{
	return !s->error && run_goes_on(s->afu, &s->poller->run);
}

/* True: it was done. A fault is remembered, the first one alone. */
static bool dma(struct pass *s, uint64_t iova, int rc)
{
	if (run_faulted(&s->poller->run, rc) && !s->error) {
		s->error = POLLER_ERROR_DMA;
		block_put64(s->afu, POLLER_FAULT_IOVA, iova);
		block_put64(s->afu, POLLER_FAULT_SLOT, s->slot);
	}
	return !rc;
}

static bool copy(struct pass *s, const struct poller_command *c)
{
	for (uint32_t at = 0, n; at < c->length; at += n) {
		n = c->length - at < STEP_BYTES ? c->length - at : STEP_BYTES;
		if (!goes_on(s) || !dma(s, c->source + at,
					block_dma_copy(s->afu, c->destination + at, c->source + at, n)))
			return false;
	}
	return true;
}

static bool sum(struct pass *s, const struct poller_command *c, uint64_t *result)
{
	uint8_t *bytes = s->poller->bytes;

	for (uint32_t at = 0, n; at < c->length; at += n) {
		n = c->length - at < SUM_BYTES ? c->length - at : SUM_BYTES;
		if (!goes_on(s) ||
		    !dma(s, c->source + at, block_dma_read(s->afu, c->source + at, bytes, n)))
			return false;
		for (uint32_t i = 0; i < n; i++)
			*result += bytes[i];
	}
	return true;
}

/* False: it was stopped or forgotten in the middle, and there is no completion. */
static bool carry_out(struct pass *s, const struct poller_command *c, struct poller_completion *done)
{
	bool whole = true;

	done->result = c->operand;
	if (c->opcode != POLLER_ECHO && c->opcode != POLLER_COPY && c->opcode != POLLER_SUM)
		done->status = POLLER_BAD_OPCODE;
	else if (c->length > POLLER_MAX_BYTES)
		done->status = POLLER_BAD_LENGTH;
	else if (c->opcode == POLLER_COPY)
		whole = copy(s, c);
	else if (c->opcode == POLLER_SUM)
		whole = sum(s, c, &done->result);
	if (s->error)
		done->status = POLLER_FAULT;
	else if (done->status == POLLER_DONE)
		done->length = c->length;
	return whole || s->error;
}

/* The number that a program polls goes last. */
static bool complete(struct pass *s, uint64_t at, const struct poller_completion *done)
{
	size_t rest = offsetof(struct poller_completion, status);

	if (!dma(s, at + rest, block_dma_write(s->afu, at + rest, &done->status, sizeof(*done) - rest)))
		return false;
	block_dma_barrier();
	return dma(s, at, block_dma_write(s->afu, at, &done->sequence, sizeof(done->sequence)));
}

/* True: there was a command. */
static bool serve(struct pass *s)
{
	uint64_t at = s->setup.mailbox + s->slot * s->setup.stride, sequence = 0;
	uint64_t *last = &s->poller->last[s->slot];
	struct poller_completion done = { 0 };
	struct poller_command c;

	if (!dma(s, at, block_dma_read(s->afu, at, &sequence, sizeof(sequence))) || !sequence ||
	    sequence == *last)
		return false;
	block_dma_barrier(); /* the rest is read after the number */
	if (!dma(s, at, block_dma_read(s->afu, at, &c, sizeof(c))))
		return false;
	done.sequence = sequence;
	if (!carry_out(s, &c, &done) || !complete(s, at + POLLER_COMPLETION, &done))
		return false;
	*last = sequence;
	block_put64(s->afu, POLLER_COMMANDS, ++s->commands);
	if (s->setup.interrupt & POLLER_INTERRUPT_ON)
		block_interrupt(s->afu, (uint32_t)s->setup.interrupt & 0xffff);
	return true;
}

/* True: a command was served. */
static bool round_of_slots(struct pass *s)
{
	bool any = false;

	for (s->slot = 0; s->slot < s->setup.slots && goes_on(s); s->slot++)
		any |= serve(s);
	block_put64(s->afu, POLLER_ROUNDS, ++s->rounds);
	return any;
}

static void rest(struct pass *s, int64_t last_change)
{
	int64_t end = clock_now_ns() + (int64_t)s->setup.interval * NS_PER_US, left;

	while ((left = end - clock_now_ns()) > 0 && goes_on(s))
		clock_sleep_ns(left < SLEEP_SLICE ? left : SLEEP_SLICE);
	if (idle_pause(last_change))
		block_put64(s->afu, POLLER_NAPS, ++s->naps);
}

static bool begin_slots(struct pass *s)
{
	const struct setup *u = &s->setup;

	if (u->mailbox % 64 || !u->slots || u->slots > POLLER_MAX_SLOTS || u->stride % 64 ||
	    u->stride < POLLER_MIN_STRIDE || u->stride > POLLER_MAX_STRIDE ||
	    u->interval > POLLER_MAX_INTERVAL) {
		s->error = POLLER_ERROR_SETUP;
		return false;
	}
	for (s->slot = 0; s->slot < u->slots; s->slot++) {
		uint64_t at = u->mailbox + s->slot * u->stride + POLLER_COMPLETION;

		if (!dma(s, at, block_dma_read(s->afu, at, &s->poller->last[s->slot], 8)))
			return false;
	}
	return true;
}

static void finish(struct pass *s)
{
	struct block *a = s->afu;

	block_lock(a);
	if (!run_forgotten(&s->poller->run)) {
		block_put64(a, POLLER_ERROR, s->error);
		block_put64(a, POLLER_STATE, s->error ? POLLER_FAILED : POLLER_STOPPED);
	}
	run_end(&s->poller->run);
	block_unlock(a);
}

static void work(struct block *a)
{
	struct poller *p = a->state;
	struct pass s = { .afu = a, .poller = p };
	int64_t last_change = clock_now_ns();
	bool begun;

	block_lock(a);
	s.setup = p->setup;
	begun = run_begin(&p->run);
	block_unlock(a);
	if (!begun)
		return;
	if (begin_slots(&s))
		while (goes_on(&s)) {
			if (round_of_slots(&s))
				last_change = clock_now_ns();
			rest(&s, last_change);
		}
	finish(&s);
}

const struct block_ops afu_poller = {
	.name = "poller",
	.help = "polls memory for commands: echo, copy, sum",
	.guid_high = POLLER_GUID_HIGH,
	.guid_low = POLLER_GUID_LOW,
	.state_size = sizeof(struct poller),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
	.look = look,
	.has_work = has_work,
	.work = work,
};
