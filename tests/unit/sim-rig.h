/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulation of the fake accelerator, and its client at the other end of a socket pair, both on the test's
 * thread: the clock moves when the test says so, so every cycle is the same in each run.
 */
#ifndef TESTS_UNIT_SIM_RIG_H
#define TESTS_UNIT_SIM_RIG_H

#include "sim/host/host-internal.h"
#include "tests/unit/fake-afu.h"

#define RIG_IOVA UINT64_C(0x100000) /* memory with a descriptor */
#define RIG_BYTES 0x40000u
#define RIG_FAR UINT64_C(0x40000000) /* a page that is reached by messages */

struct sim_rig {
	struct host h;
	struct fake_afu afu;
	struct sim_model model;
	char dir[32];
	int peer;
	uint16_t id;
	int mem_fd;
	uint8_t *mem;
	int vector; /* eventfd of vector 3 */
};

/* set: the defaults, changed as the test likes. The client has joined, mapped memory, enabled the device. */
void sim_rig_up(struct sim_rig *r, const struct settings *set);
void sim_rig_up_default(struct sim_rig *r);
void sim_rig_down(struct sim_rig *r);
void sim_rig_again(struct sim_rig *r, const struct settings *set); /* down and up */
void sim_rig_join(struct sim_rig *r);
void sim_rig_leave(struct sim_rig *r);

void sim_rig_cycles(struct sim_rig *r, uint64_t cycles);
/* Cycles until nothing is under way; a test that needs more than a million has gone wrong. */
void sim_rig_settle(struct sim_rig *r);

/* A posted write: it has been taken, and no cycle has passed. */
void sim_rig_write(struct sim_rig *r, uint32_t region, uint64_t offset, const void *data, uint32_t len);
void sim_rig_set(struct sim_rig *r, uint64_t offset, uint64_t value);
/* Sends a read; its answer is taken by sim_rig_answer(), which lets cycles pass until it is there. */
void sim_rig_ask(struct sim_rig *r, uint32_t region, uint64_t offset, uint32_t len);
void sim_rig_answer(struct sim_rig *r, void *data, uint32_t len);
uint64_t sim_rig_get(struct sim_rig *r, uint64_t offset);
void sim_rig_command(struct sim_rig *r, uint16_t command, const void *body, size_t len, int fd);
/* Sends a command that nobody has looked at yet. */
void sim_rig_send(struct sim_rig *r, uint16_t command);
void sim_rig_send_body(struct sim_rig *r, uint16_t command, const void *body, size_t len);
/* The reply to a message of the device's that has not come yet. */
void sim_rig_reply(struct sim_rig *r, uint16_t id, uint16_t command, const void *body, size_t len);

/* Starts a copy inside the memory that is mapped; offsets are in it. */
void sim_rig_copy(struct sim_rig *r, uint64_t src, uint64_t dst, uint64_t lines, uint64_t ctl);
bool sim_rig_copied(const struct sim_rig *r, uint64_t dst, uint64_t lines); /* from the memory's first line */
bool sim_rig_fired(const struct sim_rig *r);				     /* vector 3; and is told once */
uint64_t sim_rig_rule(const struct sim_rig *r, const char *name); /* how often it was broken */

#endif
