/* SPDX-License-Identifier: BSD-3-Clause */
/* The remote client against sessions that serve the model: tokens, handles, registers, and what is posted. */
#include "rpc/client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/client/buffers-internal.h"
#include "rpc/client/conn.h"
#include "tests/unit/client-rig.h"

static int up(void **state)
{
	(void)state;
	rig_up(1, NULL);
	server_start(&rig.servers[0]);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down();
	return 0;
}

static uint64_t read64(fpga_handle h, uint64_t offset)
{
	uint64_t v = 0;

	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, offset, &v), FPGA_OK);
	return v;
}

static void write64(fpga_handle h, uint64_t offset, uint64_t v)
{
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, offset, v), FPGA_OK);
}

/* ---- tokens ---- */

static void test_enumerates_with_parents_and_properties(void **state)
{
	fpga_token t[8], parent, copy;
	struct opae_props v;

	(void)state;
	assert_int_equal(rig_enumerate(-1, t, 8), 4);
	v = rig_props(t[1]);
	assert_int_equal(v.objtype, FPGA_ACCELERATOR);
	assert_string_equal(v.hostname, "host0");
	assert_int_not_equal(v.object_id, fake_accelerator_id(0));
	assert_int_equal(v.num_mmio, 2);
	assert_int_equal(rig.t.parent_of(t[1], &parent), FPGA_OK);
	assert_true(rig.t.same_token(parent, t[0]));
	assert_false(rig.t.same_token(parent, t[2]));
	assert_int_equal(rig.t.parent_of(t[0], &copy), FPGA_NOT_FOUND);
	assert_int_equal(rig.t.fpgaCloneToken(t[1], &copy), FPGA_OK);
	assert_true(rig.t.same_token(copy, t[1]));
	rig_destroy(&copy, 1);
	rig_destroy(&parent, 1);
	rig_destroy(t, 4);
}

static void test_the_parent_of_a_filtered_accelerator(void **state)
{
	fpga_token t[8], parent;
	struct opae_props v;

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	assert_int_equal(rig.t.parent_of(t[0], &parent), FPGA_OK);
	v = rig_props(parent); /* not in the snapshot: asked for */
	assert_int_equal(v.objtype, FPGA_DEVICE);
	rig_destroy(&parent, 1);
	rig_destroy(t, 2);
}

static void test_too_little_room_asks_once(void **state)
{
	fpga_token t[8];

	(void)state;
	assert_int_equal(rig_enumerate(-1, t, 1), 4);
	rig_destroy(t, 1);
	assert_int_equal(rig_enumerate(-1, t, 8), 4);
	rig_destroy(t, 4);
	assert_int_equal(atomic_load(&fake.enumerations), 1);
}

static void test_update_tells_why_not(void **state)
{
	fpga_token t[8];
	struct host_props *p = calloc(1, sizeof(*p));

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	assert_int_equal(rig.t.fpgaUpdateProperties(t[0], p), FPGA_OK);
	assert_true(p->unset & OPAE_PROP_BBS_ID);
	assert_string_equal(props_host_why(p, OPAE_PROP_BBS_ID), "the model has no blue bitstream");
	assert_string_equal(p->v.hostname, "host0");
	free(p);
	rig_destroy(t, 2);
}

static void test_a_token_of_what_has_gone(void **state)
{
	struct host_props p = { 0 };
	fpga_token t[8];
	fpga_handle h;

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	fake.cards[0].gone = true;
	assert_int_equal(rig.t.fpgaUpdateProperties(t[0], &p), FPGA_NOT_FOUND);
	assert_non_null(strstr(detail(), "host0: "));
	fake.open_result = FPGA_NOT_FOUND;
	assert_int_equal(rig.t.fpgaOpen(t[0], &h, 0), FPGA_NOT_FOUND);
	rig_destroy(t, 2);
}

static void test_changes_reach_the_snapshot(void **state)
{
	int64_t until = clock_deadline(20 * NS_PER_S);
	fpga_token t[8];
	fpga_handle h;

	(void)state;
	assert_int_equal(rig_enumerate(-1, t, 8), 4);
	assert_int_equal(rig_props(t[1]).state, FPGA_ACCELERATOR_UNASSIGNED);
	assert_int_equal(rig.t.fpgaOpen(t[1], &h, 0), FPGA_OK);
	assert_int_equal(rig_props(t[1]).state, FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	while (rig_props(t[1]).state != FPGA_ACCELERATOR_UNASSIGNED)
		assert_true(clock_now_ns() < until);
	fake.cards[0].guid0 = 0x77;
	assert_int_equal(rig.t.fpgaOpen(t[3], &h, 0), FPGA_OK); /* so the server looks */
	while (rig_props(t[1]).guid[0] != 0x77)
		assert_true(clock_now_ns() < until);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	rig_destroy(t, 4);
}

/* ---- handles and registers ---- */

static void test_registers(void **state)
{
	uint64_t block[64], v = 0;
	uint32_t w = 0;
	unsigned char line[64];
	fpga_handle h = rig_open();

	(void)state;
	write64(h, 0x20, 0x0123456789abcdef);
	assert_int_equal(read64(h, 0x20), 0x0123456789abcdef);
	assert_int_equal(rig.t.fpgaWriteMMIO32(h, 1, 0x24, 77), FPGA_OK);
	assert_int_equal(rig.t.fpgaReadMMIO32(h, 1, 0x24, &w), FPGA_OK);
	assert_int_equal(w, 77);
	memset(line, 0xa5, sizeof(line));
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0x40, line), FPGA_OK);
	assert_int_equal(rig.t.read_mmio_block(h, 0, 0x40, block, sizeof(block)), FPGA_OK);
	assert_memory_equal(block, line, 64);
	assert_int_equal(block[8], 0);
	assert_int_equal(rig.t.poll_mmio(h, 0, 0x20, 0xff, 0xef, 10, 1000000, &v), FPGA_OK);
	assert_int_equal(v, 0x0123456789abcdef);
	assert_int_equal(rig.t.poll_mmio(h, 0, 0x20, 0xff, 0xee, 10, 1000, &v), FPGA_BUSY);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_a_long_block_comes_whole(void **state)
{
	static uint64_t block[FAKE_REGION / 8];
	fpga_handle h = rig_open();

	(void)state;
	write64(h, 0x1018, 0x203);
	write64(h, FAKE_REGION - 8, 7);
	assert_int_equal(rig.t.read_mmio_block(h, 0, 0x1018, block, FAKE_REGION - 0x1018), FPGA_OK);
	assert_int_equal(block[0], 0x203);
	assert_int_equal(block[(FAKE_REGION - 0x1018) / 8 - 1], 7);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_bad_accesses_are_refused_here(void **state)
{
	fpga_handle h = rig_open();
	struct opaex_mmio_info info;
	uint64_t v = 5, *at;

	(void)state;
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 2, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 4, &v), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, FAKE_REGION, &v), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, UINT64_MAX - 7, &v), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, FAKE_REGION - 4, 1), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0x20, &v), FPGA_INVALID_PARAM);
	assert_int_equal(v, 5);
	assert_int_equal(rig.t.mmio_info(h, 0, &info), FPGA_OK);
	assert_int_equal(info.size, FAKE_REGION);
	assert_true(info.flags & OPAEX_MMIO_TRAPPED && !(info.flags & OPAEX_MMIO_MAPPED));
	assert_int_equal(rig.t.mmio_info(h, 2, &info), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaMapMMIO(h, 0, NULL), FPGA_OK);
	assert_int_equal(rig.t.fpgaMapMMIO(h, 0, &at), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(detail(), "fpgaReadMMIO"));
	assert_int_equal(rig.t.fpgaMapMMIO(h, 2, NULL), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_the_far_sides_reason(void **state)
{
	fpga_handle h = rig_open();
	uint64_t v;

	(void)state;
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, FAKE_FAILS, &v), FPGA_EXCEPTION);
	assert_string_equal(detail(), "host0: model: a register that fails");
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_open_twice_reset_and_quiesce(void **state)
{
	fpga_token t[8];
	fpga_handle a, b;
	fpga_properties p = NULL;

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	assert_int_equal(rig.t.fpgaOpen(t[0], &a, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaOpen(t[0], &b, 0), FPGA_BUSY);
	assert_int_equal(rig.t.fpgaOpen(t[0], &b, 0x100), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaOpen(t[0], &b, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(rig.t.quiesce(a), FPGA_OK);
	assert_int_equal(rig.t.fpgaReset(a), FPGA_OK);
	assert_int_equal(atomic_load(&fake.cards[0].resets), 1);
	assert_int_equal(rig.t.fpgaGetPropertiesFromHandle(b, &p), FPGA_OK);
	assert_int_equal(((struct host_props *)p)->v.state, FPGA_ACCELERATOR_ASSIGNED);
	assert_string_equal(((struct host_props *)p)->v.hostname, "host0");
	free(p);
	assert_int_equal(rig.t.fpgaClose(a), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(b), FPGA_OK);
	rig_destroy(t, 2);
}

/* ---- posted writes ---- */

static void test_posted_writes_keep_their_order(void **state)
{
	fpga_handle h = rig_open();
	unsigned char line[64] = { 1 };

	(void)state;
	for (uint64_t i = 0; i < 10000; i++)
		write64(h, 0x80, i);
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0x80, line), FPGA_OK);
	assert_int_equal(rig.t.fpgaWriteMMIO32(h, 0, 0x84, 2), FPGA_OK);
	assert_int_equal(read64(h, 0x80), UINT64_C(0x200000001));
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

/* Nothing follows: the I/O thread sends what waits. */
static void test_the_last_write_arrives_by_itself(void **state)
{
	int64_t until = clock_deadline(20 * NS_PER_S);
	fpga_handle h = rig_open();

	(void)state;
	for (uint64_t round = 1; round < 200; round++) {
		for (uint64_t i = 0; i < 8; i++)
			write64(h, 0x80 + 8 * i, round);
		while (atomic_load(&fake.cards[0].regs[0xb8 / 8]) != round)
			assert_true(clock_now_ns() < until);
	}
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_a_posted_failure_is_told_by_the_next_call(void **state)
{
	fpga_handle h = rig_open();
	uint64_t v = 0;

	(void)state;
	write64(h, 0x20, 1);
	write64(h, FAKE_FAILS, 0x1234);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, FAKE_COUNTS, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "0x1000"));
	assert_non_null(strstr(detail(), "0x1234"));
	assert_int_equal(read64(h, FAKE_COUNTS), 1); /* the read before was not carried out */
	assert_int_equal(read64(h, 0x20), 1);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

/* Who only writes, and waits for what the device does to memory, is told as well, and once. */
static void test_a_posted_failure_is_told_by_a_later_write(void **state)
{
	int64_t until = clock_deadline(20 * NS_PER_S);
	unsigned char line[64] = { 1 };
	fpga_handle h = rig_open();
	fpga_result r;

	(void)state;
	for (int round = 0; round < 4; round++) {
		write64(h, FAKE_FAILS, 0x1234);
		do {
			assert_true(clock_now_ns() < until);
			r = round & 1 ? rig.t.fpgaWriteMMIO512(h, 0, 0x80, line) :
					rig.t.fpgaWriteMMIO32(h, 0, 0x20, 1);
		} while (r == FPGA_OK);
		assert_int_equal(r, FPGA_EXCEPTION);
		assert_non_null(strstr(detail(), "0x1000"));
		for (int i = 0; i < 100; i++)
			write64(h, 0x28, 2);
		assert_int_equal(read64(h, 0x28), 2);
	}
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void sync_writes(struct rpc_client_config *c)
{
	c->mmio_write_sync = true;
}

static void test_synchronous_writes(void **state)
{
	unsigned char line[64] = { 1 };
	fpga_handle h;

	(void)state;
	rig_down();
	rig_up(1, sync_writes);
	server_start(&rig.servers[0]);
	h = rig_open();
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, FAKE_FAILS, 1), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "a register that fails"));
	write64(h, 0x20, 3);
	assert_int_equal(atomic_load(&fake.cards[0].regs[0x20 / 8]), 3);
	assert_int_equal(rig.t.fpgaWriteMMIO512(h, 0, 0x40, line), FPGA_OK);
	assert_int_equal(atomic_load(&fake.cards[0].regs[0x40 / 8]), 1);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void test_writes_of_two_handles_stay_apart(void **state)
{
	fpga_token t[8];
	fpga_handle h[2];

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig.t.fpgaOpen(t[i], &h[i], 0), FPGA_OK);
	for (uint64_t i = 0; i < 1000; i++)
		write64(h[i % 2], 0x80 + i % 7 * 8, i);
	assert_int_equal(read64(h[0], 0x80 + 998 % 7 * 8), 998);
	assert_int_equal(read64(h[1], 0x80 + 999 % 7 * 8), 999);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig.t.fpgaClose(h[i]), FPGA_OK);
	rig_destroy(t, 2);
}

/* ---- threads ---- */

#define ROUNDS 2000

struct worker {
	pthread_t thread;
	fpga_handle h;
	uint64_t at;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		write64(w->h, w->at, i);
		assert_int_equal(read64(w->h, w->at), i);
	}
	return NULL;
}

static void test_threads_share_a_connection(void **state)
{
	struct worker w[4];
	fpga_handle h = rig_open();

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		w[i].h = h;
		w[i].at = 0x100 + 8 * i;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (uint64_t i = 0; i < 4; i++)
		pthread_join(w[i].thread, NULL);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void *wait_long(void *arg)
{
	uint64_t v;

	return rig.t.poll_mmio(arg, 0, 0x20, 1, 1, 100, 20000000, &v) == FPGA_OK ? NULL : arg;
}

/* The reader's role is with a call that takes long; others' replies are handed over. */
static void test_nobody_waits_for_anothers_round_trip(void **state)
{
	fpga_handle h = rig_open();
	pthread_t thread;
	void *ret;

	(void)state;
	pthread_create(&thread, NULL, wait_long, h);
	for (uint64_t i = 0; i < ROUNDS; i++) {
		write64(h, 0x28, i);
		assert_int_equal(read64(h, 0x28), i);
	}
	write64(h, 0x20, 1);
	pthread_join(thread, &ret);
	assert_null(ret);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

/* ---- forks ---- */

#define CHILD(x) ((x) ? (void)0 : _exit(__LINE__ % 200 + 1))

/* A parent's token names what it did; the first call on it connects. */
static void child_with_tokens(fpga_token *t)
{
	struct opae_props p;
	fpga_token parent = NULL, other = NULL;

	CHILD(rig.t.parent_of(t[1], &parent) == FPGA_OK);
	p = rig_props(parent);
	CHILD(p.objtype == FPGA_DEVICE && p.bus == 1);
	p = rig_props(t[0]);
	CHILD(p.objtype == FPGA_ACCELERATOR && p.bus == 0 && p.state == FPGA_ACCELERATOR_ASSIGNED);
	CHILD(rig.t.parent_of(parent, &other) == FPGA_NOT_FOUND);
	CHILD(rig.t.fpgaDestroyToken(&parent) == FPGA_OK);
}

static void child(fpga_token *t, fpga_handle h)
{
	fpga_token mine[8];
	fpga_handle own;
	uint64_t v;
	uint32_t n = 0;

	CHILD(rig.t.fpgaReadMMIO64(h, 0, 0x20, &v) == FPGA_EXCEPTION);
	CHILD(strstr(detail(), "fork"));
	CHILD(rig.t.fpgaWriteMMIO64(h, 0, 0x20, 9) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaClose(h) == FPGA_OK);
	child_with_tokens(t);
	CHILD(rig.t.fpgaOpen(t[0], &own, 0) == FPGA_BUSY);
	CHILD(rig.t.enumerate(rig.client, NULL, 0, mine, 8, &n) == FPGA_OK && n == 4);
	CHILD(rig.t.same_token(mine[3], t[1]));
#ifndef __SANITIZE_THREAD__ /* which ends a child of several threads that starts one */
	CHILD(rig.t.fpgaOpen(t[1], &own, 0) == FPGA_OK);
	CHILD(rig.t.fpgaWriteMMIO64(own, 0, 0x30, 4) == FPGA_OK);
	CHILD(rig.t.fpgaReadMMIO64(own, 0, 0x30, &v) == FPGA_OK && v == 4);
	CHILD(rig.t.fpgaClose(own) == FPGA_OK);
#endif
	rig.t.finalize(rig.client);
	_exit(0);
}

static void test_a_child_of_fork(void **state)
{
	fpga_handle h = rig_open();
	fpga_token t[8];
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	write64(h, 0x20, 5);
	pid = fork();
	if (!pid)
		child(t, h);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read64(h, 0x20), 5);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	rig_destroy(t, 2);
}

/* What a thread that is not in the child held when the process forked. */
static void hold_all(const struct remote_handle *r, int (*change)(pthread_mutex_t *lock))
{
	pthread_mutex_t *const locks[] = { &r->buffers->release_lock, &r->conn->out_lock,
					   &r->conn->handles_lock, &r->buffers->lock, &r->conn->lock };

	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		change(locks[i]);
}

static void child_amid_locks(fpga_handle h, uint64_t wsid, fpga_event_handle e)
{
	uint64_t v;

	alarm(60);
	CHILD(rig.t.fpgaWriteMMIO64(h, 0, 0x20, 9) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaReset(h) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaGetIOAddress(h, wsid, &v) == FPGA_EXCEPTION);
	CHILD(strstr(detail(), "fork"));
	CHILD(rig.t.fpgaReleaseBuffer(h, wsid) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_ERROR, e) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaClose(h) == FPGA_OK);
	_exit(0);
}

static void test_a_child_of_fork_amid_locks(void **state)
{
	fpga_handle h = rig_open();
	fpga_event_handle e = NULL;
	uint64_t wsid = 0;
	void *at = NULL;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(rig.t.create_event(rig.client, &e), FPGA_OK);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_OK);
	hold_all(h, pthread_mutex_lock);
	pid = fork();
	if (!pid)
		child_amid_locks(h, wsid, e);
	hold_all(h, pthread_mutex_unlock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	assert_int_equal(rig.t.fpgaDestroyEventHandle(&e), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_enumerates_with_parents_and_properties),
		RIGGED(test_the_parent_of_a_filtered_accelerator),
		RIGGED(test_too_little_room_asks_once),
		RIGGED(test_update_tells_why_not),
		RIGGED(test_a_token_of_what_has_gone),
		RIGGED(test_changes_reach_the_snapshot),
		RIGGED(test_registers),
		RIGGED(test_a_long_block_comes_whole),
		RIGGED(test_bad_accesses_are_refused_here),
		RIGGED(test_the_far_sides_reason),
		RIGGED(test_open_twice_reset_and_quiesce),
		RIGGED(test_posted_writes_keep_their_order),
		RIGGED(test_the_last_write_arrives_by_itself),
		RIGGED(test_a_posted_failure_is_told_by_the_next_call),
		RIGGED(test_a_posted_failure_is_told_by_a_later_write),
		RIGGED(test_synchronous_writes),
		RIGGED(test_writes_of_two_handles_stay_apart),
		RIGGED(test_threads_share_a_connection),
		RIGGED(test_nobody_waits_for_anothers_round_trip),
		RIGGED(test_a_child_of_fork),
		RIGGED(test_a_child_of_fork_amid_locks),
	};

	return RUN(tests);
}
