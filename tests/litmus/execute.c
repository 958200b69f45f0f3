/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads are the program's, and the one that calls is the third, which arranges things before a
 * run and collects them afterwards (devices.c).
 */
#include "tests/litmus/rig.h"

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

#define LATE_RUNS 4u   /* of so many runs one has a device that is late */
#define LATE_US 5000u  /* a server dozes after 2 ms without news */
#define SPIN_NS (20 * NS_PER_US) /* longer delays are slept */
#define KICK_NS (200 * NS_PER_US)
#define KICK_MAX_NS (20 * NS_PER_MS)

_Noreturn void rig_die(const char *what)
{
	fprintf(stderr, "litmus: %s: %s\n", what, opaex_error_detail());
	exit(2);
}

void rig_must(fpga_result r, const char *what)
{
	if (r != FPGA_OK)
		rig_die(what);
}

/* ---- registers and buffers ---- */

void rig_write64(fpga_handle h, uint64_t reg, uint64_t v)
{
	rig_must(fpgaWriteMMIO64(h, 0, reg, v), "fpgaWriteMMIO64");
}

void rig_write32(fpga_handle h, uint64_t reg, uint32_t v)
{
	rig_must(fpgaWriteMMIO32(h, 0, reg, v), "fpgaWriteMMIO32");
}

uint64_t rig_read64(fpga_handle h, uint64_t reg)
{
	uint64_t v = 0;

	rig_must(fpgaReadMMIO64(h, 0, reg, &v), "fpgaReadMMIO64");
	return v;
}

bool rig_is_late(struct litmus_rig *r)
{
	if (clock_now_ns() > atomic_load(&r->deadline))
		atomic_store(&r->late, true);
	return atomic_load(&r->late);
}

void rig_await(struct litmus_rig *r, fpga_handle h, uint64_t reg, uint64_t v)
{
	int64_t next = clock_deadline(KICK_NS);

	while (rig_read64(h, reg) != v && !rig_is_late(r)) {
		sched_yield();
		if (clock_now_ns() > next) {
			rig_kick(r);
			next = clock_deadline(KICK_NS);
		}
	}
}

static struct rig_buffer buffer_new(fpga_handle h, uint64_t bytes)
{
	struct rig_buffer b = { .h = h };

	rig_must(fpgaPrepareBuffer(h, bytes, &b.at, &b.id, 0), "fpgaPrepareBuffer");
	rig_must(fpgaGetIOAddress(h, b.id, &b.io), "fpgaGetIOAddress");
	return b;
}

static void buffer_free(struct rig_buffer *b)
{
	if (b->h)
		rig_must(fpgaReleaseBuffer(b->h, b->id), "fpgaReleaseBuffer");
	*b = (struct rig_buffer){ NULL, NULL, 0, 0 };
}

void rig_put(void *at, unsigned int width, uint64_t v)
{
	switch (width) {
	case 1: __atomic_store_n((uint8_t *)at, (uint8_t)v, __ATOMIC_RELEASE); break;
	case 2: __atomic_store_n((uint16_t *)at, (uint16_t)v, __ATOMIC_RELEASE); break;
	case 4: __atomic_store_n((uint32_t *)at, (uint32_t)v, __ATOMIC_RELEASE); break;
	default: __atomic_store_n((uint64_t *)at, v, __ATOMIC_RELEASE); break;
	}
}

uint64_t rig_get(const void *at, unsigned int width)
{
	switch (width) {
	case 1: return __atomic_load_n((const uint8_t *)at, __ATOMIC_ACQUIRE);
	case 2: return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
	case 4: return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
	default: return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
	}
}

/* ---- the program's threads ---- */

static void await_memory(struct litmus_rig *r, const void *at, unsigned int width, uint64_t v)
{
	for (unsigned int i = 1; rig_get(at, width) != v; i++) {
		if (i % 64)
			continue;
		if (rig_is_late(r))
			return;
		sched_yield();
	}
}

static void await_event(struct litmus_rig *r)
{
	struct pollfd fd = { .fd = r->p->poller ? r->poller_events.fd : r->script_events.fd,
			     .events = POLLIN };
	eventfd_t count;

	while (poll(&fd, 1, 100) != 1)
		if (rig_is_late(r))
			return;
	eventfd_read(fd.fd, &count);
}

static void pause_us(uint64_t us)
{
	int64_t ns = (int64_t)us * NS_PER_US, until = clock_now_ns() + ns;

	if (ns > SPIN_NS)
		clock_sleep_ns(ns);
	while (clock_now_ns() < until)
		continue;
}

/* The accesses to registers that the poller has for them. */
static bool carry_out_at_poller(struct litmus_rig *r, const struct litmus_step *s)
{
	if (s->op == OP_WRITE)
		rig_write64(r->poller, POLLER_STRIDE, POLLER_MIN_STRIDE);
	else if (s->op == OP_READ)
		r->out->results[s->result] = rig_read64(r->poller, POLLER_ERROR);
	else if (s->op == OP_WAIT_READ)
		rig_await(r, r->poller, POLLER_ERROR, s->value);
	else if (s->op == OP_GO)
		rig_write32(r->poller, POLLER_CTL, POLLER_START);
	else
		return false;
	return true;
}

static void carry_out(struct litmus_rig *r, unsigned int agent, const struct litmus_step *s)
{
	fpga_handle h = r->script[r->p->agents[agent].second];
	const struct litmus_place *at = &r->p->places[s->at];

	if (r->p->poller && carry_out_at_poller(r, s))
		return;
	switch (s->op) {
	case OP_STORE: rig_put(rig_memory(r, at), at->width, s->value); break;
	case OP_LOAD: r->out->results[s->result] = rig_get(rig_memory(r, at), at->width); break;
	case OP_WAIT: await_memory(r, rig_memory(r, at), at->width, s->value); break;
	case OP_WRITE: rig_write64(h, SCRIPT_MAILBOX0 + 8u * s->at, s->value); break;
	case OP_READ: r->out->results[s->result] = rig_read64(h, SCRIPT_R0 + 8u * s->at); break;
	case OP_WAIT_READ: rig_await(r, h, SCRIPT_R0 + 8u * s->at, s->value); break;
	case OP_GO: rig_write32(h, SCRIPT_CTL, SCRIPT_START_FETCH); break;
	case OP_FENCE: atomic_fetch_add(&r->fence, 1); break; /* any locked instruction is one */
	case OP_EVENT: await_event(r); break;
	default: buffer_free(&r->buffers[s->at]); break;
	}
}

static void *work(void *arg)
{
	const struct rig_worker *w = arg;
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
	while (r->o.kicks && atomic_load(&r->working)) {
		clock_sleep_ns(nap);
		rig_kick(r);
		nap = nap < KICK_MAX_NS ? 2 * nap : nap;
	}
	pthread_barrier_wait(&r->end);
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

/* Half of the steps are not delayed; in some runs the device begins when nobody looks for it all the time. */
static void draw_delays(struct litmus_rig *r, uint64_t *seed)
{
	uint32_t most = r->o.delay_us ? 1 + litmus_random(seed, r->o.delay_us) : 0;

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < LITMUS_STEPS; i++)
			r->delays[a][i] = most && litmus_random(seed, 2) ? litmus_random(seed, most) : 0;
	if (most && !litmus_random(seed, LATE_RUNS))
		r->delays[LITMUS_DEVICE][0] += LATE_US;
}

bool rig_run(struct litmus_rig *r, uint64_t *seed, struct litmus_outcome *ret)
{
	memset(ret, 0, sizeof(*ret));
	r->out = ret;
	atomic_store(&r->deadline, clock_deadline((int64_t)r->o.patience_s * NS_PER_S));
	draw_delays(r, seed);
	prepare_buffers(r);
	for (unsigned int w = 0; w < r->p->num_words; w++)
		rig_put(rig_word(r, w), 8, 0);
	rig_prepare(r);
	let_them_run(r);
	rig_collect(r);
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
	rig_must(fpgaGetProperties(NULL, &filter), "fpgaGetProperties");
	rig_must(fpgaPropertiesSetGUID(filter, guid), "fpgaPropertiesSetGUID");
	rig_must(fpgaEnumerate(&filter, 1, &token, 1, &n), "fpgaEnumerate");
	if (n != 1)
		rig_die("not one accelerator of each kind, script and poller, is listed");
	fpgaDestroyProperties(&filter);
	rig_must(fpgaOpen(token, &h, flags), "fpgaOpen");
	fpgaDestroyToken(&token);
	return h;
}

static struct rig_events open_events(fpga_handle h)
{
	struct rig_events e;

	rig_must(fpgaCreateEventHandle(&e.h), "fpgaCreateEventHandle");
	rig_must(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e.h, RIG_VECTOR), "fpgaRegisterEvent");
	rig_must(fpgaGetOSObjectFromEventHandle(e.h, &e.fd), "fpgaGetOSObjectFromEventHandle");
	return e;
}

static void close_events(fpga_handle h, struct rig_events *e)
{
	rig_must(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e->h), "fpgaUnregisterEvent");
	rig_must(fpgaDestroyEventHandle(&e->h), "fpgaDestroyEventHandle");
}

struct litmus_rig *rig_new(const struct rig_options *o)
{
	struct litmus_rig *r = calloc(1, sizeof(*r));

	if (!r)
		rig_die("no memory");
	r->o = *o;
	for (int i = 0; i < 2; i++)
		r->script[i] = open_only(SCRIPT_GUID_HIGH, SCRIPT_GUID_LOW, FPGA_OPEN_SHARED);
	r->poller = open_only(POLLER_GUID_HIGH, POLLER_GUID_LOW, 0);
	r->code = buffer_new(r->script[0], LITMUS_PAGE);
	r->desk = buffer_new(r->poller, LITMUS_PAGE);
	r->script_events = open_events(r->script[0]);
	r->poller_events = open_events(r->poller);
	pthread_barrier_init(&r->begin, NULL, LITMUS_THREADS + 1);
	pthread_barrier_init(&r->end, NULL, LITMUS_THREADS + 1);
	for (unsigned int i = 0; i < LITMUS_THREADS; i++) {
		r->workers[i] = (struct rig_worker){ .rig = r, .agent = i };
		if (pthread_create(&r->workers[i].thread, NULL, work, &r->workers[i]))
			rig_die("no thread");
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
	close_events(r->script[0], &r->script_events);
	close_events(r->poller, &r->poller_events);
	buffer_free(&r->code);
	buffer_free(&r->desk);
	rig_must(fpgaClose(r->poller), "fpgaClose");
	rig_must(fpgaClose(r->script[1]), "fpgaClose");
	rig_must(fpgaClose(r->script[0]), "fpgaClose");
	free(r);
}
