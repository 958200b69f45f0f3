/* SPDX-License-Identifier: BSD-3-Clause */
/* What execute.c and devices.c share: the rig, and how its registers and buffers are touched. */
#ifndef TESTS_LITMUS_RIG_H
#define TESTS_LITMUS_RIG_H

#include <opae/fpga.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "tests/litmus/execute.h"

#define RIG_VECTOR 1u

struct rig_buffer {
	fpga_handle h;
	void *at;
	uint64_t id, io;
};

struct rig_worker {
	struct litmus_rig *rig;
	unsigned int agent;
	pthread_t thread;
};

struct rig_events {
	fpga_event_handle h;
	int fd;
};

struct litmus_rig {
	struct rig_options o;
	fpga_handle script[2], poller;
	struct rig_buffer buffers[LITMUS_BUFFERS];
	struct rig_buffer code, desk; /* the script's and the poller's */
	struct rig_events script_events, poller_events;
	const struct litmus_program *p;
	struct litmus_outcome *out;
	uint64_t delays[LITMUS_AGENTS][LITMUS_STEPS]; /* us */
	struct rig_worker workers[LITMUS_THREADS];
	pthread_barrier_t begin, end;
	_Atomic int64_t deadline;
	atomic_uint working, fence;
	atomic_bool late, over;
	uint64_t runs; /* SCRIPT_RUNS before the program's */
};

/* With the library's reason; ends the process. */
_Noreturn void rig_die(const char *what);
void rig_must(fpga_result r, const char *what);

void rig_write64(fpga_handle h, uint64_t reg, uint64_t v);
void rig_write32(fpga_handle h, uint64_t reg, uint32_t v);
uint64_t rig_read64(fpga_handle h, uint64_t reg);

/* True from the deadline on. */
bool rig_is_late(struct litmus_rig *r);
/* Until the register has that value, or it is too late. */
void rig_await(struct litmus_rig *r, fpga_handle h, uint64_t reg, uint64_t v);

/* Of 1, 2, 4 or 8 bytes, at once. */
void rig_put(void *at, unsigned int width, uint64_t v);
uint64_t rig_get(const void *at, unsigned int width);

static inline void *rig_memory(const struct litmus_rig *r, const struct litmus_place *at)
{
	return (char *)r->buffers[at->buffer].at + at->offset;
}

static inline uint64_t *rig_word(const struct litmus_rig *r, unsigned int word)
{
	const struct litmus_word *w = &r->p->words[word];

	return (uint64_t *)(void *)((char *)r->buffers[w->buffer].at + w->offset);
}

static inline uint64_t rig_io(const struct litmus_rig *r, const struct litmus_place *at)
{
	return r->buffers[at->buffer].io + at->offset;
}

/* ---- devices.c ---- */

/* Sends what the program has stored, where nothing but a register write does. */
void rig_kick(struct litmus_rig *r);

/* Before a run, once the words are 0; and after it: what the device loaded, and the words at both ends. */
void rig_prepare(struct litmus_rig *r);
void rig_collect(struct litmus_rig *r);

#endif
