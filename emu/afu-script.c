/* SPDX-License-Identifier: BSD-3-Clause */
/* The script accelerator: see afu-script.h. */
#include "emu/afu-script.h"

#include <string.h>

#include "emu/board.h"
#include "emu/idle.h"
#include "emu/run.h"

#define CTL_BITS (SCRIPT_START | SCRIPT_STOP | SCRIPT_START_FETCH)
#define STEP_BYTES (1u << 20) /* of a copy, between two looks at whether to go on */
#define DELAY_SLICE NS_PER_MS
#define FILL_WORDS 8192u

_Static_assert(sizeof(struct script_insn) == 32, "four words");
_Static_assert(SCRIPT_WINDOW_COUNT <= SCRIPT_MAX_COUNT, "the window fits");

struct job {
	bool fetch;
	uint64_t at, count, limit;
};

struct script {
	struct run run;
	struct job job;
	/* A start fills it from the window; what is fetched is read by the engine. */
	struct script_insn program[SCRIPT_MAX_COUNT];
	uint64_t loops[SCRIPT_MAX_COUNT]; /* how often each LOOP went back */
	uint64_t fill[FILL_WORDS];
};

static void reset(struct block *a)
{
	struct script *s = a->state;

	memset(a->regs, 0, SCRIPT_WINDOW + SCRIPT_WINDOW_COUNT * sizeof(struct script_insn));
	block_put_identity(a);
	run_init(&s->run);
	block_put32(a, SCRIPT_CTL, RUN_SEEN * a->mapped);
}

/* ---- control, lock held ---- */

static void latch(struct block *a, bool fetch)
{
	struct script *s = a->state;

	s->job = (struct job){ .fetch = fetch,
			       .at = block_get64(a, SCRIPT_PROGRAM),
			       .count = block_get64(a, SCRIPT_COUNT),
			       .limit = block_get64(a, SCRIPT_LIMIT) };
	if (!s->job.limit)
		s->job.limit = SCRIPT_DEFAULT_LIMIT;
	if (s->job.limit > SCRIPT_MAX_LIMIT)
		s->job.limit = SCRIPT_MAX_LIMIT;
	for (uint64_t i = 0; !fetch && i < SCRIPT_WINDOW_COUNT; i++) {
		uint64_t at = SCRIPT_WINDOW + i * sizeof(struct script_insn);
		uint64_t first = block_get64(a, at);

		s->program[i] = (struct script_insn){ .op = (uint32_t)first,
						      .limit_us = (uint32_t)(first >> 32),
						      .a = block_get64(a, at + 8),
						      .b = block_get64(a, at + 16),
						      .c = block_get64(a, at + 24) };
	}
}

static void control(struct block *a, uint32_t ctl)
{
	struct script *s = a->state;

	if (ctl & SCRIPT_STOP) {
		run_stop(&s->run);
	} else if ((ctl & (SCRIPT_START | SCRIPT_START_FETCH)) && run_start(&s->run)) {
		latch(a, ctl & SCRIPT_START_FETCH);
		block_put64(a, SCRIPT_STATE, SCRIPT_RUNNING);
	}
}

static bool writable(uint64_t reg)
{
	return (reg >= SCRIPT_COUNT && reg <= SCRIPT_LIMIT) ||
	       (reg >= SCRIPT_MAILBOX0 && reg < SCRIPT_MAILBOX0 + 8 * SCRIPT_NUM_MAILBOXES) ||
	       (reg >= SCRIPT_WINDOW &&
		reg < SCRIPT_WINDOW + SCRIPT_WINDOW_COUNT * sizeof(struct script_insn));
}

static void written(struct block *a, uint64_t offset, uint64_t value, unsigned int bytes)
{
	uint64_t reg = offset & ~UINT64_C(7);

	if (offset == SCRIPT_CTL) {
		block_put32(a, SCRIPT_CTL, (uint32_t)value & CTL_BITS);
		control(a, (uint32_t)value & CTL_BITS);
	} else if (writable(reg)) {
		block_store(a, offset, value, bytes);
	}
}

static bool look(struct block *a)
{
	uint32_t ctl;

	if (!run_look(a, SCRIPT_CTL, &ctl))
		return false;
	control(a, ctl & CTL_BITS);
	return true;
}

static bool has_work(struct block *a)
{
	const struct script *s = a->state;

	return s->run.armed;
}

/* ---- the instructions, on the engine thread ---- */

struct exec {
	struct block *afu;
	struct script *script;
	struct script_insn insn; /* `a` with its index added */
	uint64_t pc, next, steps;
	uint64_t value;	 /* for the trace */
	bool interrupted; /* stopped or forgotten in the middle of an instruction */
};

static bool goes_on(struct exec *x)
{
	if (!run_goes_on(x->afu, &x->script->run))
		x->interrupted = true;
	return !x->interrupted;
}

static enum script_error dma(struct exec *x, int rc)
{
	if (rc && !run_faulted(&x->script->run, rc))
		x->interrupted = true;
	return rc && !x->interrupted ? SCRIPT_ERROR_DMA : SCRIPT_OK;
}

static void put_register(struct exec *x, uint64_t v)
{
	block_put64(x->afu, SCRIPT_R0 + 8 * SCRIPT_REGISTER(x->insn.op), v);
}

static uint64_t get_register(struct exec *x, unsigned int r)
{
	return block_get64(x->afu, SCRIPT_R0 + 8 * r);
}

static void was_read(struct exec *x, uint64_t v)
{
	x->value = v;
	block_put64(x->afu, SCRIPT_LAST, v);
}

static enum script_error do_write32(struct exec *x)
{
	uint32_t v = (uint32_t)x->insn.b;

	if (x->insn.a % 4)
		return SCRIPT_ERROR_OPERAND;
	return dma(x, block_dma_write(x->afu, x->insn.a, &v, sizeof(v)));
}

static enum script_error write_word(struct exec *x, uint64_t v)
{
	if (x->insn.a % 8)
		return SCRIPT_ERROR_OPERAND;
	return dma(x, block_dma_write(x->afu, x->insn.a, &v, sizeof(v)));
}

static enum script_error do_write64(struct exec *x)
{
	return write_word(x, x->insn.b);
}

static enum script_error do_write_register(struct exec *x)
{
	return write_word(x, get_register(x, SCRIPT_REGISTER(x->insn.op)));
}

static enum script_error read_word(struct exec *x, uint64_t *v)
{
	if (x->insn.a % 8)
		return SCRIPT_ERROR_OPERAND;
	return dma(x, block_dma_read(x->afu, x->insn.a, v, sizeof(*v)));
}

static enum script_error do_read64(struct exec *x)
{
	uint64_t v = 0;
	enum script_error e = read_word(x, &v);

	if (e || x->interrupted)
		return e;
	was_read(x, v);
	put_register(x, v);
	return SCRIPT_OK;
}

static enum script_error do_copy(struct exec *x)
{
	enum script_error e = SCRIPT_OK;
	uint64_t len = x->insn.c;

	if (len > SCRIPT_MAX_BYTES)
		return SCRIPT_ERROR_OPERAND;
	for (uint64_t at = 0, n; at < len && !e && goes_on(x); at += n) {
		n = len - at < STEP_BYTES ? len - at : STEP_BYTES;
		e = dma(x, block_dma_copy(x->afu, x->insn.a + at, x->insn.b + at, n));
	}
	return e;
}

static enum script_error do_fill(struct exec *x)
{
	enum script_error e = SCRIPT_OK;
	uint64_t *fill = x->script->fill, len = x->insn.c;

	if (len > SCRIPT_MAX_BYTES)
		return SCRIPT_ERROR_OPERAND;
	for (size_t i = 0; i < FILL_WORDS; i++)
		fill[i] = x->insn.b;
	for (uint64_t at = 0, n; at < len && !e && goes_on(x); at += n) {
		n = len - at < sizeof(x->script->fill) ? len - at : sizeof(x->script->fill);
		e = dma(x, block_dma_write(x->afu, x->insn.a + at, fill, n));
	}
	return e;
}

static enum script_error do_fetch_add(struct exec *x)
{
	uint64_t old = 0;
	enum script_error e;

	if (x->insn.a % 8)
		return SCRIPT_ERROR_OPERAND;
	e = dma(x, block_dma_atomic(x->afu, x->insn.a, VU_FETCH_ADD, 8, x->insn.b, 0, &old));
	if (e || x->interrupted)
		return e;
	was_read(x, old);
	put_register(x, old);
	return SCRIPT_OK;
}

static enum script_error read_mailbox(struct exec *x, uint64_t *v)
{
	if (x->insn.a >= SCRIPT_NUM_MAILBOXES)
		return SCRIPT_ERROR_OPERAND;
	*v = block_get64(x->afu, SCRIPT_MAILBOX0 + 8 * x->insn.a);
	return SCRIPT_OK;
}

static enum script_error await(struct exec *x, enum script_error (*get)(struct exec *, uint64_t *))
{
	int64_t begin = clock_now_ns(), end = begin + x->insn.limit_us * NS_PER_US;

	do {
		bool late = clock_now_ns() >= end; /* asked before the last look, not after */
		uint64_t v = 0;
		enum script_error e = get(x, &v);

		if (e || x->interrupted)
			return e;
		was_read(x, v);
		if ((v & x->insn.b) == x->insn.c)
			return SCRIPT_OK;
		if (late)
			return SCRIPT_ERROR_TIMEOUT;
		idle_pause(begin);
	} while (goes_on(x));
	return SCRIPT_OK;
}

static enum script_error do_wait(struct exec *x)
{
	return await(x, read_word);
}

static enum script_error do_wait_mailbox(struct exec *x)
{
	return await(x, read_mailbox);
}

static enum script_error do_delay(struct exec *x)
{
	int64_t left, end = clock_now_ns() + x->insn.limit_us * NS_PER_US;

	while ((left = end - clock_now_ns()) > 0 && goes_on(x))
		clock_sleep_ns(left < DELAY_SLICE ? left : DELAY_SLICE);
	return SCRIPT_OK;
}

static enum script_error do_interrupt(struct exec *x)
{
	if (x->insn.a >= x->afu->num_vectors)
		return SCRIPT_ERROR_OPERAND;
	block_interrupt(x->afu, (uint32_t)x->insn.a);
	return SCRIPT_OK;
}

static enum script_error do_add(struct exec *x)
{
	put_register(x, get_register(x, SCRIPT_REGISTER(x->insn.op)) + x->insn.b);
	return SCRIPT_OK;
}

/* When it is through it may be come to again, from a loop around it. */
static enum script_error do_loop(struct exec *x)
{
	uint64_t *done = &x->script->loops[x->pc];

	if (x->insn.a >= x->pc)
		return SCRIPT_ERROR_OPERAND;
	if (*done < x->insn.b) {
		++*done;
		x->next = x->insn.a;
	} else {
		*done = 0;
	}
	return SCRIPT_OK;
}

static enum script_error do_end(struct exec *x)
{
	x->next = SCRIPT_MAX_COUNT;
	return SCRIPT_OK;
}

static enum script_error (*const carry_out[SCRIPT_NUM_OPCODES])(struct exec *x) = {
	[SCRIPT_END] = do_end,
	[SCRIPT_WRITE32] = do_write32,
	[SCRIPT_WRITE64] = do_write64,
	[SCRIPT_WRITE_REG] = do_write_register,
	[SCRIPT_READ64] = do_read64,
	[SCRIPT_COPY] = do_copy,
	[SCRIPT_FILL] = do_fill,
	[SCRIPT_FETCH_ADD] = do_fetch_add,
	[SCRIPT_WAIT] = do_wait,
	[SCRIPT_WAIT_MAILBOX] = do_wait_mailbox,
	[SCRIPT_DELAY] = do_delay,
	[SCRIPT_INTERRUPT] = do_interrupt,
	[SCRIPT_ADD] = do_add,
	[SCRIPT_LOOP] = do_loop,
};

/* ---- a program, on the engine thread ---- */

static void trace(struct exec *x, enum script_error e)
{
	uint64_t at = SCRIPT_TRACE + 16 * ((x->steps - 1) % SCRIPT_TRACE_ENTRIES);

	block_put64(x->afu, at, x->pc | (uint64_t)SCRIPT_OPCODE(x->insn.op) << 16 |
					(uint64_t)e << 24 | (x->steps - 1) << 32);
	block_put64(x->afu, at + 8, x->value);
}

static enum script_error step(struct exec *x)
{
	uint32_t op = x->insn.op, index = SCRIPT_INDEX(op);
	enum script_error e;

	if (SCRIPT_OPCODE(op) >= SCRIPT_NUM_OPCODES)
		return SCRIPT_ERROR_OPCODE;
	if ((op & ~SCRIPT_OP_BITS) || SCRIPT_REGISTER(op) >= SCRIPT_NUM_REGISTERS ||
	    index > SCRIPT_NUM_REGISTERS || x->insn.limit_us > SCRIPT_MAX_WAIT_US)
		return SCRIPT_ERROR_OPERAND;
	if (index)
		x->insn.a += get_register(x, index - 1);
	x->value = x->insn.a;
	e = carry_out[SCRIPT_OPCODE(op)](x);
	block_dma_barrier();
	return e;
}

static enum script_error execute(struct exec *x, const struct job *j)
{
	enum script_error e = SCRIPT_OK;

	while (x->pc < j->count && !e && !x->interrupted) {
		block_put64(x->afu, SCRIPT_PC, x->pc);
		if (x->steps >= j->limit)
			return SCRIPT_ERROR_LIMIT;
		if (!goes_on(x))
			break;
		x->insn = x->script->program[x->pc];
		x->next = x->pc + 1;
		block_put64(x->afu, SCRIPT_STEPS, ++x->steps);
		e = step(x);
		trace(x, e);
		if (!x->interrupted)
			x->pc = x->next;
	}
	return e;
}

static enum script_error load(struct exec *x, const struct job *j)
{
	struct script *s = x->script;

	memset(s->loops, 0, sizeof(s->loops));
	if (!j->count || j->count > (j->fetch ? SCRIPT_MAX_COUNT : SCRIPT_WINDOW_COUNT))
		return SCRIPT_ERROR_PROGRAM;
	if (!j->fetch)
		return SCRIPT_OK;
	return dma(x, block_dma_read(x->afu, j->at, s->program, j->count * sizeof(s->program[0])));
}

static void clear_results(struct block *a)
{
	for (uint64_t at = SCRIPT_PC; at < SCRIPT_RUNS; at += 8)
		block_put64(a, at, 0);
	for (uint64_t r = 0; r < SCRIPT_NUM_REGISTERS; r++)
		block_put64(a, SCRIPT_R0 + 8 * r, 0);
	for (uint64_t at = 0; at < SCRIPT_TRACE_ENTRIES * 16; at += 8)
		block_put64(a, SCRIPT_TRACE + at, 0);
}

static void finish(struct exec *x, enum script_error e)
{
	struct block *a = x->afu;

	block_lock(a);
	if (!run_forgotten(&x->script->run)) {
		block_put64(a, SCRIPT_ERROR, e);
		block_put64(a, SCRIPT_STATE, e		    ? SCRIPT_FAILED :
					     x->interrupted ? SCRIPT_STOPPED :
							      SCRIPT_DONE);
		block_put64(a, SCRIPT_RUNS, block_get64(a, SCRIPT_RUNS) + 1);
	}
	run_end(&x->script->run);
	block_unlock(a);
}

static void work(struct block *a)
{
	struct script *s = a->state;
	struct exec x = { .afu = a, .script = s };
	enum script_error e;
	struct job job;
	bool begun;

	block_lock(a);
	job = s->job;
	begun = run_begin(&s->run);
	block_unlock(a);
	if (!begun)
		return;
	clear_results(a);
	e = load(&x, &job);
	if (!e)
		e = execute(&x, &job);
	finish(&x, e);
}

const struct block_ops afu_script = {
	.name = "script",
	.help = "carries out a program of DMA reads, writes, waits and interrupts, in exact order",
	.guid_high = SCRIPT_GUID_HIGH,
	.guid_low = SCRIPT_GUID_LOW,
	.state_size = sizeof(struct script),
	.map_size = UINT64_MAX,
	.reset = reset,
	.written = written,
	.look = look,
	.has_work = has_work,
	.work = work,
};
