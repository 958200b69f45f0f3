/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked buffers that come and go while they are used: releases, closes, forks, and who else uses them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/buffers-rig.h"
#include "tests/unit/trap-rig.h"

#define PAGE 4096u
#define THREADS 3u

static void trap(struct rpc_client_config *c)
{
	c->tracker = RPC_TRACKER_TRAP;
}

static int up_trap(void **state)
{
	(void)state;
	return up_with(trap);
}

static uint64_t load(const unsigned char *at)
{
	return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static fpga_handle open_second(void)
{
	fpga_token t[4];
	fpga_handle other = NULL;

	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 4), 2);
	assert_int_equal(rig.t.fpgaOpen(t[1], &other, 0), FPGA_OK);
	rig_destroy(t, 2);
	return other;
}

static struct buffer prepare_by(fpga_handle handle, size_t len)
{
	struct buffer b = { .len = len };
	void *at = NULL;

	assert_int_equal(rig.t.fpgaPrepareBuffer(handle, len, &at, &b.wsid, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetIOAddress(handle, b.wsid, &b.io), FPGA_OK);
	b.at = at;
	return b;
}

/* ---- memory of another buffer ---- */

static void refused(unsigned char *at, size_t len, int flags)
{
	void *p = at;
	uint64_t wsid;

	flags |= FPGA_BUF_PREALLOCATED;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, len, &p, &wsid, flags), FPGA_INVALID_PARAM);
	assert_non_null(strstr(detail(), "buffer"));
	assert_non_null(strstr(detail(), "\"tracker\": \"eager\""));
}

/* The library looks at what the program brings with locks held that a touch of another buffer needs. */
static void memory_of_another_buffer_is_refused(void **state)
{
	struct buffer b = prepare(16 * PAGE, 0);
	unsigned char *mine;
	void *p = NULL;
	uint64_t wsid;

	(void)state;
	assert_int_equal(posix_memalign(&p, PAGE, 4 * PAGE), 0);
	mine = p;
	refused(b.at, b.len, 0);
	refused(b.at + 8 * PAGE, PAGE, 0);
	refused(b.at + b.len - 8, 8, FPGA_BUF_READ_ONLY);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4 * PAGE, &p, &wsid, FPGA_BUF_PREALLOCATED), FPGA_OK);
	b.at[8 * PAGE] = 5;
	mine[PAGE] = 6;
	write64(0x20, 1);
	assert_int_equal(read64(0x20), 1);
	assert_true(device_has(&b, 8 * PAGE, "\5", 1));
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
	release(&b);
	free(mine);
}

/* ---- threads that touch ---- */

struct toucher {
	pthread_t thread;
	struct buffer b;
	atomic_bool *enough;
	unsigned int rounds;
};

/* Each page has its number and the round; nobody else stores there. */
static void *touch(void *arg)
{
	struct toucher *t = arg;
	uint64_t round = 0;

	while (!atomic_load(t->enough)) {
		for (size_t i = 0; i < t->b.len; i += PAGE) {
			uint64_t *word = (uint64_t *)(void *)(t->b.at + i);

			if (*word != (round ? round + i : 0))
				return (void *)1;
			*word = round + 1 + i;
		}
		round++;
		t->rounds++;
	}
	return NULL;
}

static void *touch_by_calls(void *arg)
{
	struct toucher *t = arg;
	int fds[2];

	if (pipe(fds))
		return (void *)1;
	while (!atomic_load(t->enough))
		for (size_t i = 0; i < t->b.len; i += PAGE) {
			char c;

			if (write(fds[1], t->b.at + i, 1) == 1)
				(void)!read(fds[0], &c, 1);
			else if (errno != EFAULT)
				return (void *)1;
		}
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

/* By calls: a page may be gone by the time. */
static void start_touching(struct toucher *t, struct buffer b, atomic_bool *enough, bool by_calls)
{
	*t = (struct toucher){ .b = b, .enough = enough };
	assert_int_equal(pthread_create(&t->thread, NULL, by_calls ? touch_by_calls : touch, t), 0);
}

static void end_touching(struct toucher *t)
{
	void *bad;

	atomic_store(t->enough, true);
	pthread_join(t->thread, &bad);
	assert_null(bad);
}

static void buffers_come_and_go_beside_those_in_use(void **state)
{
	struct toucher t[THREADS];
	atomic_bool enough = false;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		start_touching(&t[i], prepare((i + 1) * 100 * PAGE, 0), &enough, false);
	for (unsigned int round = 0; round < 60; round++) {
		struct buffer b = prepare(64 * PAGE, 0);

		memset(b.at + 3 * PAGE, (int)round, 5 * PAGE);
		write64(0x20, round);
		assert_int_equal(read64(0x20), round);
		assert_true(device_has(&b, 7 * PAGE, &(unsigned char){ (unsigned char)round }, 1));
		release(&b);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		end_touching(&t[i]);
	write64(0x20, 1);
	read64(0x20);
	for (unsigned int i = 0; i < THREADS; i++)
		for (size_t at = 0; at < t[i].b.len; at += 8 * PAGE)
			assert_true(device_has(&t[i].b, at, t[i].b.at + at, 8));
}

#define GONE 30u

/* Windows that a stream leaves begin groups, whose ends name a buffer: one that is not being released. */
static void groups_end_while_buffers_go(void **state)
{
	atomic_bool enough = false;
	struct buffer gone[GONE];
	struct toucher t;

	(void)state;
	for (unsigned int i = 0; i < GONE; i++)
		gone[i] = prepare(2 * PAGE, 0);
	start_touching(&t, prepare(700 * PAGE, 0), &enough, false);
	for (unsigned int i = 0; i < GONE; i++) {
		gone[i].at[3] = (unsigned char)(i + 1);
		gone[i].at[PAGE] = (unsigned char)(i + 2);
		if (i % 2) {
			write64(0x20, i);
			assert_int_equal(read64(0x20), i);
			assert_true(device_has(&gone[i], 3, &gone[i].at[3], 1));
			assert_true(device_has(&gone[i], PAGE, &gone[i].at[PAGE], 1));
		}
		release(&gone[i]);
	}
	end_touching(&t);
	write64(0x20, 1);
	assert_int_equal(read64(0x20), 1); /* and not that something posted has failed */
	for (size_t at = 0; at < t.b.len; at += 8 * PAGE)
		assert_true(device_has(&t.b, at, t.b.at + at, 8));
}

/* ---- a long PULL ---- */

#define PULLED (32 * MIB)
#define PULLS 4u

struct puller {
	pthread_t thread;
	struct buffer b;
	atomic_bool done;
	fpga_result r;
};

static void *pull(void *arg)
{
	struct puller *p = arg;

	for (unsigned int i = 0; i < PULLS && p->r == FPGA_OK; i++)
		p->r = rig.t.pull_buffer(h, p->b.wsid, 0, PULLED);
	atomic_store(&p->done, true);
	return NULL;
}

/* Pages of the same handle, of that buffer and of another one, are there for who touches them meanwhile. */
static void touches_beside_a_long_pull(void **state)
{
	struct buffer other = prepare(600 * PAGE, 0);
	struct puller p = { .b = prepare(PULLED + 600 * PAGE, 0) };
	uint64_t rounds = 0;

	(void)state;
	for (size_t at = 0; at < p.b.len; at += PAGE)
		assert_true(fake_dma_write(p.b.io + at, &(uint64_t){ at + 1 }, 8));
	for (size_t at = 0; at < other.len; at += PAGE)
		assert_true(fake_dma_write(other.io + at, &(uint64_t){ at + 2 }, 8));
	assert_int_equal(pthread_create(&p.thread, NULL, pull, &p), 0);
	while (!atomic_load(&p.done) || rounds < 20) {
		size_t at = rounds * 37 % 600 * PAGE, last = PULLED + at;

		assert_int_equal(load(other.at + at), at + 2);
		assert_int_equal(load(p.b.at + last), last + 1);
		other.at[at + 100] = p.b.at[last + 100] = 7;
		rounds++;
	}
	pthread_join(p.thread, NULL);
	assert_int_equal(p.r, FPGA_OK);
	write64(0x20, 1);
	assert_int_equal(read64(0x20), 1);
	for (uint64_t i = 0; i < rounds && i < 600; i++) {
		assert_true(device_has(&other, i * 37 % 600 * PAGE + 100, "\7", 1));
		assert_true(device_has(&p.b, PULLED + i * 37 % 600 * PAGE + 100, "\7", 1));
	}
	for (size_t at = 0; at < PULLED; at += 16 * PAGE)
		assert_int_equal(load(p.b.at + at), at + 1);
}

/* A close of one handle is nothing to the buffers of another. */
static void a_close_beside_buffers_in_use(void **state)
{
	struct toucher t[THREADS];
	atomic_bool enough = false;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		start_touching(&t[i], prepare(200 * PAGE, 0), &enough, false);
	for (unsigned int round = 0; round < 20; round++) {
		fpga_handle other = open_second();
		struct buffer b = prepare_by(other, 64 * PAGE);

		memset(b.at, (int)round, b.len);
		assert_int_equal(rig.t.fpgaWriteMMIO64(other, 0, 0x20, round), FPGA_OK);
		assert_int_equal(rig.t.fpgaClose(other), FPGA_OK);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		end_touching(&t[i]);
}

/* That is the program's mistake: its threads are left without memory, but the library goes on. */
static void a_close_with_touches_under_way(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 10; round++) {
		atomic_bool enough = false;
		struct toucher t[THREADS];
		fpga_handle other = open_second();

		for (unsigned int i = 0; i < THREADS; i++)
			start_touching(&t[i], prepare_by(other, 600 * PAGE), &enough, true);
		for (uint64_t i = 0; i < 20 * (round + 1); i++)
			assert_int_equal(rig.t.fpgaWriteMMIO64(other, 0, 0x20, i), FPGA_OK);
		assert_int_equal(rig.t.fpgaClose(other), FPGA_OK);
		for (unsigned int i = 0; i < THREADS; i++)
			end_touching(&t[i]);
		write64(0x20, round);
		assert_int_equal(read64(0x20), round);
	}
}

/* ---- a buffer of two accelerators ---- */

static void an_owner_that_goes_first(void **state)
{
	fpga_handle other = open_second();
	struct buffer b = prepare_by(other, 32 * PAGE);
	uint64_t v;

	(void)state;
	assert_int_equal(rig.t.pin_buffer(h, b.at, b.len, b.io), FPGA_OK);
	memset(b.at, 7, b.len);
	write64(0x20, 5); /* tells what was stored in the other's buffer as well */
	read64(0x20);
	assert_true(device_has(&b, 9 * PAGE, "\7", 1));
	assert_int_equal(rig.t.fpgaClose(other), FPGA_OK);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0x28, 6), FPGA_OK);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0x28, &v), FPGA_OK);
	assert_int_equal(v, 6);
}

/* ---- forks ---- */

#define CHILD(x) ((x) ? (void)0 : _exit(__LINE__ % 200 + 1))

static void await_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("the child ended with 0x%x", status);
}

/* Sees what was there; everything else is its parent's. */
static void child_with_memory(const struct buffer *b)
{
	uint64_t v;

	alarm(60);
	CHILD(b->at[PAGE + 100] == 5);
	v = load(b->at + 40 * PAGE); /* hidden: whatever it is, nobody waits for it */
	b->at[41 * PAGE + 200] = 1;
	CHILD(rig.t.fpgaReadMMIO64(h, 0, 0x20, &v) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaWriteMMIO64(h, 0, 0x20, 1) == FPGA_EXCEPTION);
	CHILD(rig.t.fpgaReleaseBuffer(h, b->wsid) == FPGA_EXCEPTION);
	CHILD(strstr(detail(), "fork"));
	CHILD(rig.t.fpgaClose(h) == FPGA_OK);
	rig.t.finalize(rig.client);
	_exit(0);
}

/* A connection and a tracker. A thread sanitizer ends a child of several threads that starts one. */
static void child_with_its_own(void)
{
#ifndef __SANITIZE_THREAD__
	fpga_handle own = open_second();
	struct buffer b = prepare_by(own, 64 * PAGE);
	uint64_t v = 0;

	alarm(60);
	memset(b.at + 5 * PAGE, 3, PAGE);
	CHILD(rig.t.fpgaWriteMMIO64(own, 0, FAKE_SRC, b.io + 5 * PAGE) == FPGA_OK);
	CHILD(rig.t.fpgaWriteMMIO64(own, 0, FAKE_DST, b.io + 50 * PAGE) == FPGA_OK);
	CHILD(rig.t.fpgaWriteMMIO64(own, 0, FAKE_LEN, PAGE) == FPGA_OK);
	CHILD(rig.t.fpgaWriteMMIO64(own, 0, FAKE_GO, 1) == FPGA_OK);
	CHILD(rig.t.fpgaReadMMIO64(own, 0, FAKE_DONE, &v) == FPGA_OK && v == 1);
	CHILD(!memcmp(b.at + 50 * PAGE, b.at + 5 * PAGE, PAGE));
	CHILD(rig.t.fpgaReleaseBuffer(own, b.wsid) == FPGA_OK);
	CHILD(rig.t.fpgaClose(own) == FPGA_OK);
#endif
	rig.t.finalize(rig.client);
	_exit(0);
}

static void a_child_and_its_parents_buffers(void **state)
{
	struct buffer b = prepare(64 * PAGE, 0);
	pid_t pid;

	(void)state;
	b.at[PAGE + 100] = 5;
	pid = fork();
	if (!pid)
		child_with_memory(&b);
	for (size_t i = 0; i < b.len; i += PAGE)
		b.at[i] = (unsigned char)(i / PAGE);
	await_child(pid);
	write64(0x20, 4);
	assert_int_equal(read64(0x20), 4);
	for (size_t i = 0; i < b.len; i += PAGE)
		assert_true(device_has(&b, i, b.at + i, 1));
	release(&b);
}

static void a_child_with_its_own_buffers(void **state)
{
	struct buffer b = prepare(64 * PAGE, 0);
	pid_t pid;

	(void)state;
	b.at[0] = 1;
	pid = fork();
	if (!pid)
		child_with_its_own();
	await_child(pid);
	b.at[20 * PAGE] = 6;
	write64(0x20, 4);
	read64(0x20);
	assert_true(device_has(&b, 20 * PAGE, "\6", 1));
	release(&b);
}

/* Threads wait for pages, and hold whatever they hold, while the process forks. */
static void children_amid_touches(void **state)
{
	struct toucher t[THREADS];
	atomic_bool enough = false;
	struct buffer b = prepare(64 * PAGE, 0);

	(void)state;
	b.at[PAGE + 100] = 5;
	for (unsigned int i = 0; i < THREADS; i++)
		start_touching(&t[i], prepare(600 * PAGE, 0), &enough, false);
	for (unsigned int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (!pid)
			child_with_memory(&b);
		await_child(pid);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		end_touching(&t[i]);
}

#define TRAP(f) cmocka_unit_test_setup_teardown(f, up_trap, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRAP(memory_of_another_buffer_is_refused),
		TRAP(buffers_come_and_go_beside_those_in_use),
		TRAP(groups_end_while_buffers_go),
		TRAP(touches_beside_a_long_pull),
		TRAP(a_close_beside_buffers_in_use),
		TRAP(a_close_with_touches_under_way),
		TRAP(an_owner_that_goes_first),
		TRAP(a_child_and_its_parents_buffers),
		TRAP(a_child_with_its_own_buffers),
		TRAP(children_amid_touches),
	};

	return trap_missing() ? 0 : RUN(tests);
}
