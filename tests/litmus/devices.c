/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two accelerators. What the words are at the device's end each has to say by itself, by ways that the
 * program does not touch: the script by code that loads all of them, the poller by commands that copy them
 * to where nothing else is.
 */
#include <stdlib.h>
#include <string.h>

#include "emu/afu-poller.h"
#include "emu/afu-script.h"
#include "tests/litmus/rig.h"

#define CODE_END 64u /* the code that loads the words begins here */
#define CODE_NONE 96u
#define DESK_SLOTS 2048u /* bytes for commands by which words are copied, and behind them the copies */

_Static_assert((CODE_NONE + 1) * sizeof(struct script_insn) <= LITMUS_PAGE, "it is a page");
_Static_assert(LITMUS_PLACES * POLLER_MIN_STRIDE <= DESK_SLOTS, "there is a slot for each word");

/* Any register write sends what the program has stored in the handle's buffers; these change nothing. */
void rig_kick(struct litmus_rig *r)
{
	if (!r->o.kicks)
		return;
	if (r->p->poller)
		rig_write64(r->poller, POLLER_STRIDE, POLLER_MIN_STRIDE); /* it is asked at the start alone */
	else
		for (int i = 0; i < 2; i++)
			rig_write64(r->script[i], SCRIPT_MAILBOX0 + 8 * (SCRIPT_NUM_MAILBOXES - 1), 0);
}

/* The word at the program's end, when all has come to rest. */
static void collect_end(struct litmus_rig *r, unsigned int word)
{
	if (r->o.spoil && !word)
		rig_put(rig_word(r, word), 8, ~r->out->device[word]);
	r->out->program[word] = rig_get(rig_word(r, word), 8);
}

/* ---- the script accelerator ---- */

static struct script_insn stored(const struct litmus_rig *r, const struct litmus_place *at, uint64_t v)
{
	if (at->width == 8)
		return script_write64(rig_io(r, at), v);
	if (at->width == 4)
		return script_write32(rig_io(r, at), (uint32_t)v);
	return script_fill(rig_io(r, at), v, at->width);
}

/* Of a wait of the device: it is to end before we do. */
static uint32_t wait_us(const struct litmus_rig *r)
{
	return r->o.patience_s * 1000000u - 500000u;
}

/* `before`: what the register has that is set. */
static struct script_insn encode(const struct litmus_rig *r, const struct litmus_step *s, unsigned int *loads,
				 uint64_t *before)
{
	const struct litmus_place *at = &r->p->places[s->at];
	struct script_insn i;

	switch (s->op) {
	case OP_STORE: return stored(r, at, s->value);
	case OP_LOAD: return script_read64((*loads)++, rig_io(r, at) - at->shift);
	case OP_WAIT:
		return script_wait(rig_io(r, at) - at->shift, litmus_mask(at), s->value << 8 * at->shift,
				   wait_us(r));
	case OP_WAIT_WRITE: return script_wait_mailbox(s->at, UINT64_MAX, s->value, wait_us(r));
	case OP_SET:
		i = script_add(s->at, s->value - before[s->at]);
		before[s->at] = s->value;
		return i;
	case OP_IRQ: return script_interrupt(RIG_VECTOR);
	default: return script_copy(rig_io(r, at), rig_io(r, &r->p->places[s->from]), 8);
	}
}

static unsigned int write_code(struct litmus_rig *r)
{
	const struct litmus_agent *a = &r->p->agents[LITMUS_DEVICE];
	uint64_t before[LITMUS_REGISTERS] = { 0 };
	struct script_insn *code = r->code.at;
	unsigned int n = 0, loads = 0;

	for (unsigned int i = 0; i < a->num; i++) {
		code[n++] = script_delay((uint32_t)r->delays[LITMUS_DEVICE][i]);
		code[n++] = encode(r, &a->steps[i], &loads, before);
	}
	code[n++] = script_end();
	code[CODE_NONE] = script_end();
	return n;
}

static void aim(struct litmus_rig *r, unsigned int at, unsigned int count)
{
	rig_write64(r->script[0], SCRIPT_PROGRAM, r->code.io + at * sizeof(struct script_insn));
	rig_write64(r->script[0], SCRIPT_COUNT, count);
}

static void run_code(struct litmus_rig *r, unsigned int at, unsigned int count)
{
	uint64_t runs = rig_read64(r->script[0], SCRIPT_RUNS);

	aim(r, at, count);
	rig_write32(r->script[0], SCRIPT_CTL, SCRIPT_START_FETCH);
	rig_await(r, r->script[0], SCRIPT_RUNS, runs + 1);
}

/* What was stored is at the other end, by whichever handle; both ways. */
static void settle(struct litmus_rig *r)
{
	for (int i = 0; i < 2; i++) {
		rig_write64(r->script[i], SCRIPT_MAILBOX0 + 8 * (SCRIPT_NUM_MAILBOXES - 1), 0);
		rig_read64(r->script[i], SCRIPT_STATE);
	}
}

/* Registers are 0 after the start of any code. */
static void script_prepare(struct litmus_rig *r)
{
	unsigned int count = write_code(r);

	for (unsigned int m = 0; m < LITMUS_MAILBOXES; m++)
		rig_write64(r->script[0], SCRIPT_MAILBOX0 + 8 * m, 0);
	settle(r);
	run_code(r, CODE_NONE, 1);
	r->runs = rig_read64(r->script[0], SCRIPT_RUNS);
	aim(r, 0, count);
	if (!r->p->has_go)
		rig_write32(r->script[0], SCRIPT_CTL, SCRIPT_START_FETCH);
	rig_read64(r->script[0], SCRIPT_STATE); /* all of it has been carried out */
}

static void script_collect(struct litmus_rig *r)
{
	const struct litmus_program *p = r->p;
	struct script_insn *code = (struct script_insn *)r->code.at + CODE_END;
	unsigned int n = 0, freed = litmus_freed(p);
	fpga_handle h = r->script[0];

	rig_await(r, h, SCRIPT_RUNS, r->runs + 1);
	for (unsigned int i = 0; i < p->num_loads; i++)
		r->out->results[p->result_of[i]] = rig_read64(h, SCRIPT_R0 + 8 * i);
	r->out->failed = rig_read64(h, SCRIPT_STATE) != SCRIPT_DONE;
	if (r->out->failed && rig_read64(h, SCRIPT_ERROR) != SCRIPT_ERROR_DMA)
		atomic_store(&r->late, true);
	for (unsigned int w = 0; w < p->num_words; w++)
		if (!(freed & 1u << p->words[w].buffer))
			code[n++] = script_read64(w, r->buffers[p->words[w].buffer].io + p->words[w].offset);
	if (!n)
		return;
	settle(r);
	run_code(r, CODE_END, n);
	settle(r);
	for (unsigned int w = 0; w < p->num_words; w++)
		if (!(freed & 1u << p->words[w].buffer)) {
			r->out->device[w] = rig_read64(h, SCRIPT_R0 + 8 * w);
			collect_end(r, w);
		}
}

/* ---- the poller ---- */

/* A slot whose command has all but its number. */
static struct poller_command *write_command(void *slot, uint64_t from, uint64_t to)
{
	struct poller_command *c = slot;

	memset(c, 0, POLLER_MIN_STRIDE);
	c->opcode = POLLER_COPY;
	c->length = 8;
	c->source = from;
	c->destination = to;
	return c;
}

static void poller_aim(struct litmus_rig *r, uint64_t slots, uint64_t num, uint64_t interval,
		       uint64_t interrupt)
{
	rig_write64(r->poller, POLLER_MAILBOX, slots);
	rig_write64(r->poller, POLLER_SLOTS, num);
	rig_write64(r->poller, POLLER_STRIDE, POLLER_MIN_STRIDE);
	rig_write64(r->poller, POLLER_INTERVAL, interval);
	rig_write64(r->poller, POLLER_INTERRUPT, interrupt);
}

static void poller_start(struct litmus_rig *r)
{
	rig_write32(r->poller, POLLER_CTL, POLLER_START);
	rig_await(r, r->poller, POLLER_STATE, POLLER_POLLING);
}

/* When it has carried out so many commands, and no more are to come. */
static void poller_stop(struct litmus_rig *r, uint64_t commands)
{
	rig_await(r, r->poller, POLLER_COMMANDS, commands);
	rig_write32(r->poller, POLLER_CTL, POLLER_STOP);
	rig_await(r, r->poller, POLLER_STATE, POLLER_STOPPED);
}

static void poller_prepare(struct litmus_rig *r)
{
	const struct litmus_step *s = r->p->agents[LITMUS_DEVICE].steps;
	const struct litmus_place *slot = &r->p->places[s[0].at];
	bool interrupts = litmus_count(r->p, LITMUS_DEVICE, OP_IRQ);

	write_command(rig_memory(r, slot), rig_io(r, &r->p->places[s[1].from]),
		      rig_io(r, &r->p->places[s[1].at]));
	poller_aim(r, rig_io(r, slot), 1, r->delays[LITMUS_DEVICE][0],
		   interrupts ? POLLER_INTERRUPT_ON | RIG_VECTOR : 0);
	if (!r->p->has_go)
		poller_start(r);
}

static void poller_collect(struct litmus_rig *r)
{
	const unsigned char *copies = (unsigned char *)r->desk.at + DESK_SLOTS;

	poller_stop(r, litmus_count(r->p, LITMUS_DEVICE, OP_COPY));
	for (unsigned int w = 0; w < r->p->num_words; w++) {
		const struct litmus_word *word = &r->p->words[w];

		write_command((unsigned char *)r->desk.at + w * POLLER_MIN_STRIDE,
			      r->buffers[word->buffer].io + word->offset, r->desk.io + DESK_SLOTS + 8 * w)
			->sequence = 1;
	}
	poller_aim(r, r->desk.io, r->p->num_words, 0, 0);
	poller_start(r);
	poller_stop(r, r->p->num_words);
	for (unsigned int w = 0; w < r->p->num_words; w++) {
		r->out->device[w] = rig_get(copies + 8 * w, 8);
		collect_end(r, w);
	}
}

/* ---- either ---- */

void rig_prepare(struct litmus_rig *r)
{
	if (r->p->poller)
		poller_prepare(r);
	else
		script_prepare(r);
}

void rig_collect(struct litmus_rig *r)
{
	if (r->p->poller)
		poller_collect(r);
	else
		script_collect(r);
}
