/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server that tracks one buffer, as a script: what a test has it do it does between two frames, and it
 * notes what it was asked. Its device's memory is plain memory of its own.
 */
#ifndef TESTS_UNIT_PAGES_RIG_H
#define TESTS_UNIT_PAGES_RIG_H

#include "tests/unit/client-rig.h"

#define PAGE 4096u
#define WSID 5u
#define MAX_PAGES 4096u

struct pages_rig {
	/* The test's, before the buffer is prepared. */
	size_t len;
	bool untracked; /* a server of before */
	/* On a written register, on the script's thread; false: the link ends. */
	bool (*on_write)(struct rpc_link *l, uint64_t offset, uint64_t value);
	/* In place of the usual answer to HOLD. May be NULL. */
	bool (*on_hold)(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len);

	unsigned char *memory; /* the device's; rig_device() has words of it while the script runs */
	uint64_t handle, cut;
	bool held[MAX_PAGES]; /* the script's */
	/* What it saw. */
	atomic_uint now_held, holds, drops, writebacks, groups, most_held, prepare_flags;
	atomic_uint_fast64_t longest_hold, seen, pushed;
};

extern struct pages_rig pr;
extern fpga_handle h;

int pages_up(size_t len); /* "trap" is demanded */
int pages_up_with(size_t len, enum rpc_tracker wanted);
int pages_down(void **state);
unsigned char *pages_prepare(int flags);
/* The device's word, atomically: what a test may look at at any time. */
uint64_t pages_word(size_t offset);
bool pages_has(size_t offset, const void *what, size_t len);
bool pages_await_word(size_t offset, uint64_t want);

/* For on_write and on_hold. */
void say_data(struct rpc_link *l, uint64_t offset, const void *data, size_t len);
void say_stale(struct rpc_link *l, uint64_t offset, uint64_t len);
void say_cut(struct rpc_link *l);
void say_granted(struct rpc_link *l, const struct rpc_frame *f, uint64_t len);
/* The device stores there, and the server tells: as DATA of a cut that say_cut() ends. */
void device_store(struct rpc_link *l, uint64_t offset, const void *data, size_t len);

#endif
