/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads are the program's, and the one that calls is the third, which arranges things before a
 * run and collects them afterwards. The device's code is in a buffer: the program's, with a delay
 * before each step, and one that loads all words, by which the outcome knows them at the device's end.
 */
#include "tests/litmus/execute.h"

#include <errno.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/clock.h"
#include "emu/afu-poller.h"
#include "emu/afu-script.h"
#include "tests/litmus/generate.h"

#define LATE_NS (10 * NS_PER_S)
#define WAIT_US 9000000u     /* of the device, so that it ends first */
#define SPIN_NS (20 * NS_PER_US) /* longer delays are slept */
#define KICK_NS (200 * NS_PER_US)
#define KICK_MAX_NS (20 * NS_PER_MS)
#define CODE_END 64u /* the code that loads the words begins here */
#define CODE_NONE 96u
#define VECTOR 1u

struct buffer {
	fpga_handle h;
	void *at;
	uint64_t id, io;
};

struct worker {
	struct litmus_rig *rig;
	unsigned int agent;
	pthread_t thread;
};

struct litmus_rig {
	fpga_handle script[2], poller;
	struct buffer buffers[LITMUS_BUFFERS], code;
	fpga_event_handle event;
	int event_fd;
	unsigned int delay_us;
	bool kicks; /* what the program stores reaches the device by register writes alone */
	const struct litmus_program *p;
	struct litmus_outcome *out;
	uint64_t delays[LITMUS_AGENTS][LITMUS_STEPS]; /* us */
	struct worker workers[LITMUS_THREADS];
	pthread_barrier_t begin, end;
	_Atomic int64_t deadline;
	atomic_uint working, fence;
	atomic_bool late, over;
	uint64_t runs; /* SCRIPT_RUNS before the program's */
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "litmus: %s: %s\n", what, opaex_error_detail());
	exit(2);
}

static void must(fpga_result r, const char *what)
{
	if (r != FPGA_OK)
		die(what);
}

/* ---- registers and buffers ---- */

static void write64(fpga_handle h, uint64_t reg, uint64_t v)
{
	must(fpgaWriteMMIO64(h, 0, reg, v), "fpgaWriteMMIO64");
}

static void write32(fpga_handle h, uint64_t reg, uint32_t v)
{
	must(fpgaWriteMMIO32(h, 0, reg, v), "fpgaWriteMMIO32");
}

static uint64_t read64(fpga_handle h, uint64_t reg)
{
	uint64_t v = 0;

	must(fpgaReadMMIO64(h, 0, reg, &v), "fpgaReadMMIO64");
	return v;
}

/* Any register write sends what the program has stored in the handle's buffers; these change nothing. */
static void kick(struct litmus_rig *r)
{
	if (!r->kicks)
		return;
	if (r->p->poller)
		write64(r->poller, POLLER_INTERRUPT, 0);
	else
		for (int i = 0; i < 2; i++)
			write64(r->script[i], SCRIPT_MAILBOX0 + 8 * (SCRIPT_NUM_MAILBOXES - 1), 0);
}

static bool is_late(struct litmus_rig *r)
{
	if (clock_now_ns() > atomic_load(&r->deadline))
		atomic_store(&r->late, true);
	return atomic_load(&r->late);
}

static void await_register(struct litmus_rig *r, fpga_handle h, uint64_t reg, uint64_t v)
{
	int64_t next = clock_deadline(KICK_NS);

	while (read64(h, reg) != v && !is_late(r)) {
		sched_yield();
		if (clock_now_ns() > next) {
			kick(r);
			next = clock_deadline(KICK_NS);
		}
	}
}

static struct buffer buffer_new(fpga_handle h, uint64_t bytes)
{
	struct buffer b = { .h = h };

	must(fpgaPrepareBuffer(h, bytes, &b.at, &b.id, 0), "fpgaPrepareBuffer");
	must(fpgaGetIOAddress(h, b.id, &b.io), "fpgaGetIOAddress");
	return b;
}

static void buffer_free(struct buffer *b)
{
	if (b->h)
		must(fpgaReleaseBuffer(b->h, b->id), "fpgaReleaseBuffer");
	*b = (struct buffer){ NULL, NULL, 0, 0 };
}

static void *memory_of(const struct litmus_rig *r, const struct litmus_place *at)
{
	return (char *)r->buffers[at->buffer].at + at->offset;
}

static uint64_t *word_of(const struct litmus_rig *r, unsigned int word)
{
	const struct litmus_word *w = &r->p->words[word];

	return (uint64_t *)(void *)((char *)r->buffers[w->buffer].at + w->offset);
}

static uint64_t io_of(const struct litmus_rig *r, const struct litmus_place *at)
{
	return r->buffers[at->buffer].io + at->offset;
}

/* ---- the program's threads ---- */

static void store(void *at, unsigned int width, uint64_t v)
{
	switch (width) {
	case 1: __atomic_store_n((uint8_t *)at, (uint8_t)v, __ATOMIC_RELEASE); break;
	case 2: __atomic_store_n((uint16_t *)at, (uint16_t)v, __ATOMIC_RELEASE); break;
	case 4: __atomic_store_n((uint32_t *)at, (uint32_t)v, __ATOMIC_RELEASE); break;
	default: __atomic_store_n((uint64_t *)at, v, __ATOMIC_RELEASE); break;
	}
}

static uint64_t load(const void *at, unsigned int width)
{
	switch (width) {
	case 1: return __atomic_load_n((const uint8_t *)at, __ATOMIC_ACQUIRE);
	case 2: return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
	case 4: return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
	default: return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
	}
}

static void await_memory(struct litmus_rig *r, const void *at, unsigned int width, uint64_t v)
{
	for (unsigned int i = 1; load(at, width) != v; i++) {
		if (i % 64)
			continue;
		if (is_late(r))
			return;
		sched_yield();
	}
}

static void await_event(struct litmus_rig *r)
{
	struct pollfd fd = { .fd = r->event_fd, .events = POLLIN };
	eventfd_t count;

	while (poll(&fd, 1, 100) != 1)
		if (is_late(r))
			return;
	eventfd_read(r->event_fd, &count);
}

static void pause_us(uint64_t us)
{
	int64_t ns = (int64_t)us * NS_PER_US, until = clock_now_ns() + ns;

	if (ns > SPIN_NS)
		clock_sleep_ns(ns);
	while (clock_now_ns() < until)
		continue;
}

static void carry_out(struct litmus_rig *r, unsigned int agent, const struct litmus_step *s)
{
	fpga_handle h = r->script[r->p->agents[agent].second];
	const struct litmus_place *at = &r->p->places[s->at];

	switch (s->op) {
	case OP_STORE: store(memory_of(r, at), at->width, s->value); break;
	case OP_LOAD: r->out->results[s->result] = load(memory_of(r, at), at->width); break;
	case OP_WAIT: await_memory(r, memory_of(r, at), at->width, s->value); break;
	case OP_WRITE: write64(h, SCRIPT_MAILBOX0 + 8u * s->at, s->value); break;
	case OP_READ: r->out->results[s->result] = read64(h, SCRIPT_R0 + 8u * s->at); break;
	case OP_WAIT_READ: await_register(r, h, SCRIPT_R0 + 8u * s->at, s->value); break;
	case OP_GO: write32(h, SCRIPT_CTL, SCRIPT_START_FETCH); break;
	case OP_FENCE: atomic_fetch_add(&r->fence, 1); break; /* any locked instruction is one */
	case OP_EVENT: await_event(r); break;
	default: buffer_free(&r->buffers[s->at]); break;
	}
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct litmus_rig *r = w->rig;

	for (;;) {
		pthread_barrier_wait(&r->begin);
		if (atomic_load(&r->over))
			return NULL;
		if (w->agent < r->p->num_threads)
			for (unsigned int i = 0; i < r->p->agents[w->agent].num; i++) {
				if (r->delays[w->agent][i])
					pause_us(r->delays[w->agent][i]);
				carry_out(r, w->agent, &r->p->agents[w->agent].steps[i]);
			}
		atomic_fetch_sub(&r->working, 1);
		pthread_barrier_wait(&r->end);
	}
}

static void let_them_run(struct litmus_rig *r)
{
	int64_t nap = KICK_NS; /* doubled each time: a slow server is not to be flooded */

	atomic_store(&r->working, LITMUS_THREADS);
	pthread_barrier_wait(&r->begin);
	while (r->kicks && atomic_load(&r->working)) {
		clock_sleep_ns(nap);
		kick(r);
		nap = nap < KICK_MAX_NS ? 2 * nap : nap;
	}
	pthread_barrier_wait(&r->end);
}

/* ---- the script accelerator ---- */

static struct script_insn stored(const struct litmus_rig *r, const struct litmus_place *at, uint64_t v)
{
	if (at->width == 8)
		return script_write64(io_of(r, at), v);
	if (at->width == 4)
		return script_write32(io_of(r, at), (uint32_t)v);
	return script_fill(io_of(r, at), v, at->width);
}

/* `before`: what the register has that is set. */
static struct script_insn encode(const struct litmus_rig *r, const struct litmus_step *s, unsigned int *loads,
				 uint64_t *before)
{
	const struct litmus_place *at = &r->p->places[s->at];
	struct script_insn i;

	switch (s->op) {
	case OP_STORE: return stored(r, at, s->value);
	case OP_LOAD: return script_read64((*loads)++, io_of(r, at) - at->shift);
	case OP_WAIT:
		return script_wait(io_of(r, at) - at->shift, litmus_mask(at), s->value << 8 * at->shift,
				   WAIT_US);
	case OP_WAIT_WRITE: return script_wait_mailbox(s->at, UINT64_MAX, s->value, WAIT_US);
	case OP_SET:
		i = script_add(s->at, s->value - before[s->at]);
		before[s->at] = s->value;
		return i;
	case OP_IRQ: return script_interrupt(VECTOR);
	default: return script_copy(io_of(r, at), io_of(r, &r->p->places[s->from]), 8);
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
	write64(r->script[0], SCRIPT_PROGRAM, r->code.io + at * sizeof(struct script_insn));
	write64(r->script[0], SCRIPT_COUNT, count);
}

static void run_code(struct litmus_rig *r, unsigned int at, unsigned int count)
{
	uint64_t runs = read64(r->script[0], SCRIPT_RUNS);

	aim(r, at, count);
	write32(r->script[0], SCRIPT_CTL, SCRIPT_START_FETCH);
	await_register(r, r->script[0], SCRIPT_RUNS, runs + 1);
}

/* What was stored is at the other end, by whichever handle; both ways. */
static void settle(struct litmus_rig *r)
{
	for (int i = 0; i < 2; i++) {
		write64(r->script[i], SCRIPT_MAILBOX0 + 8 * (SCRIPT_NUM_MAILBOXES - 1), 0);
		read64(r->script[i], SCRIPT_STATE);
	}
}

/* Registers are 0 after the start of any code. */
static void script_prepare(struct litmus_rig *r)
{
	unsigned int count = write_code(r);
	struct pollfd fd = { .fd = r->event_fd, .events = POLLIN };
	eventfd_t rung;

	for (unsigned int m = 0; m < LITMUS_MAILBOXES; m++)
		write64(r->script[0], SCRIPT_MAILBOX0 + 8 * m, 0);
	settle(r);
	run_code(r, CODE_NONE, 1);
	while (poll(&fd, 1, 0) == 1)
		eventfd_read(r->event_fd, &rung);
	r->runs = read64(r->script[0], SCRIPT_RUNS);
	aim(r, 0, count);
	if (!r->p->has_go)
		write32(r->script[0], SCRIPT_CTL, SCRIPT_START_FETCH);
	read64(r->script[0], SCRIPT_STATE); /* all of it has been carried out */
}

static void script_collect(struct litmus_rig *r)
{
	const struct litmus_program *p = r->p;
	struct script_insn *code = (struct script_insn *)r->code.at + CODE_END;
	unsigned int n = 0, freed = litmus_freed(p);
	fpga_handle h = r->script[0];

	await_register(r, h, SCRIPT_RUNS, r->runs + 1);
	for (unsigned int i = 0; i < p->num_loads; i++)
		r->out->results[p->result_of[i]] = read64(h, SCRIPT_R0 + 8 * i);
	r->out->failed = read64(h, SCRIPT_STATE) != SCRIPT_DONE;
	if (r->out->failed && read64(h, SCRIPT_ERROR) != SCRIPT_ERROR_DMA)
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
			r->out->device[w] = read64(h, SCRIPT_R0 + 8 * w);
			r->out->program[w] = load(word_of(r, w), 8);
		}
}

/* ---- the poller ---- */

static void poller_prepare(struct litmus_rig *r)
{
	const struct litmus_step *s = r->p->agents[LITMUS_DEVICE].steps;
	struct poller_command *c = memory_of(r, &r->p->places[s[0].at]);

	memset(c, 0, 2 * sizeof(*c));
	c->opcode = POLLER_COPY;
	c->length = 8;
	c->source = io_of(r, &r->p->places[s[1].from]);
	c->destination = io_of(r, &r->p->places[s[1].at]);
	write64(r->poller, POLLER_MAILBOX, io_of(r, &r->p->places[s[0].at]));
	write64(r->poller, POLLER_SLOTS, 1);
	write64(r->poller, POLLER_STRIDE, POLLER_MIN_STRIDE);
	write64(r->poller, POLLER_INTERVAL, r->delays[LITMUS_DEVICE][0]);
	write32(r->poller, POLLER_CTL, POLLER_START);
	await_register(r, r->poller, POLLER_STATE, POLLER_POLLING);
}

/* The device's end is not to be seen apart: no command loads for the program. */
static void poller_collect(struct litmus_rig *r)
{
	await_register(r, r->poller, POLLER_COMMANDS, r->p->agents[LITMUS_DEVICE].num / 3);
	write32(r->poller, POLLER_CTL, POLLER_STOP);
	await_register(r, r->poller, POLLER_STATE, POLLER_STOPPED);
	for (unsigned int w = 0; w < r->p->num_words; w++)
		r->out->program[w] = r->out->device[w] = load(word_of(r, w), 8);
}

/* ---- a run ---- */

static bool is_used(const struct litmus_program *p, unsigned int buffer)
{
	for (unsigned int w = 0; w < p->num_words; w++)
		if (p->words[w].buffer == buffer)
			return true;
	return false;
}

static void prepare_buffers(struct litmus_rig *r)
{
	for (unsigned int b = 0; b < LITMUS_BUFFERS; b++)
		if (!r->buffers[b].h && is_used(r->p, b))
			r->buffers[b] = buffer_new(r->p->poller ? r->poller : r->script[b >= 2],
						   LITMUS_BUFFER_BYTES);
}

/* Half of the steps are not delayed. */
static void draw_delays(struct litmus_rig *r, uint64_t *seed)
{
	uint32_t most = r->delay_us ? 1 + litmus_random(seed, r->delay_us) : 0;

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < LITMUS_STEPS; i++)
			r->delays[a][i] = most && litmus_random(seed, 2) ? litmus_random(seed, most) : 0;
}

bool rig_run(struct litmus_rig *r, uint64_t *seed, struct litmus_outcome *ret)
{
	memset(ret, 0, sizeof(*ret));
	r->out = ret;
	atomic_store(&r->deadline, clock_deadline(LATE_NS));
	draw_delays(r, seed);
	prepare_buffers(r);
	for (unsigned int w = 0; w < r->p->num_words; w++)
		store(word_of(r, w), 8, 0);
	if (r->p->poller)
		poller_prepare(r);
	else
		script_prepare(r);
	let_them_run(r);
	if (r->p->poller)
		poller_collect(r);
	else
		script_collect(r);
	return !atomic_load(&r->late);
}

void rig_load(struct litmus_rig *r, const struct litmus_program *p)
{
	r->p = p;
}

void rig_unload(struct litmus_rig *r)
{
	for (unsigned int b = 0; b < LITMUS_BUFFERS; b++)
		buffer_free(&r->buffers[b]);
}

/* ---- life ---- */

static fpga_handle open_only(uint64_t high, uint64_t low, int flags)
{
	fpga_properties filter;
	fpga_token token;
	fpga_handle h;
	uint32_t n = 0;
	fpga_guid guid;

	for (unsigned int i = 0; i < 8; i++) {
		guid[i] = (uint8_t)(high >> (56 - 8 * i));
		guid[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	must(fpgaGetProperties(NULL, &filter), "fpgaGetProperties");
	must(fpgaPropertiesSetGUID(filter, guid), "fpgaPropertiesSetGUID");
	must(fpgaEnumerate(&filter, 1, &token, 1, &n), "fpgaEnumerate");
	if (n != 1)
		die("not one accelerator of each kind, script and poller, is listed");
	fpgaDestroyProperties(&filter);
	must(fpgaOpen(token, &h, flags), "fpgaOpen");
	fpgaDestroyToken(&token);
	return h;
}

static void open_event(struct litmus_rig *r)
{
	must(fpgaCreateEventHandle(&r->event), "fpgaCreateEventHandle");
	must(fpgaRegisterEvent(r->script[0], FPGA_EVENT_INTERRUPT, r->event, VECTOR), "fpgaRegisterEvent");
	must(fpgaGetOSObjectFromEventHandle(r->event, &r->event_fd), "fpgaGetOSObjectFromEventHandle");
}

struct litmus_rig *rig_new(unsigned int delay_us, bool kicks)
{
	struct litmus_rig *r = calloc(1, sizeof(*r));

	if (!r)
		die("no memory");
	r->delay_us = delay_us;
	r->kicks = kicks;
	for (int i = 0; i < 2; i++)
		r->script[i] = open_only(SCRIPT_GUID_HIGH, SCRIPT_GUID_LOW, FPGA_OPEN_SHARED);
	r->poller = open_only(POLLER_GUID_HIGH, POLLER_GUID_LOW, 0);
	r->code = buffer_new(r->script[0], (CODE_NONE + 1) * sizeof(struct script_insn));
	open_event(r);
	pthread_barrier_init(&r->begin, NULL, LITMUS_THREADS + 1);
	pthread_barrier_init(&r->end, NULL, LITMUS_THREADS + 1);
	for (unsigned int i = 0; i < LITMUS_THREADS; i++) {
		r->workers[i] = (struct worker){ .rig = r, .agent = i };
		if (pthread_create(&r->workers[i].thread, NULL, work, &r->workers[i]))
			die("no thread");
	}
	return r;
}

void rig_free(struct litmus_rig *r)
{
	atomic_store(&r->over, true);
	pthread_barrier_wait(&r->begin);
	for (unsigned int i = 0; i < LITMUS_THREADS; i++)
		pthread_join(r->workers[i].thread, NULL);
	pthread_barrier_destroy(&r->begin);
	pthread_barrier_destroy(&r->end);
	must(fpgaUnregisterEvent(r->script[0], FPGA_EVENT_INTERRUPT, r->event), "fpgaUnregisterEvent");
	must(fpgaDestroyEventHandle(&r->event), "fpgaDestroyEventHandle");
	buffer_free(&r->code);
	must(fpgaClose(r->poller), "fpgaClose");
	must(fpgaClose(r->script[1]), "fpgaClose");
	must(fpgaClose(r->script[0]), "fpgaClose");
	free(r);
}
