/* SPDX-License-Identifier: BSD-3-Clause */
/* Content that goes past the connection, by a fabric whose other end is in this process. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tests/unit/buffers-rig.h"
#include "tests/unit/fake-fabric.h"
#include "tests/unit/trap-rig.h"

static void rdma(struct rpc_client_config *c)
{
	c->tracker = RPC_TRACKER_TRAP;
	c->data_rdma = true;
}

static void rdma_explicit(struct rpc_client_config *c)
{
	rdma(c);
	c->buffers_explicit = true;
}

static void no_rdma(struct rpc_client_config *c)
{
	c->tracker = RPC_TRACKER_TRAP;
}

static int up_rdma(void **state)
{
	(void)state;
	fake_fabric_reset();
	return up_with(rdma);
}

static int up_explicit(void **state)
{
	(void)state;
	fake_fabric_reset();
	return up_with(rdma_explicit);
}

static int up_stream(void **state)
{
	(void)state;
	fake_fabric_reset();
	return up_with(no_rdma);
}

/* Nothing is left registered. */
static int down_clean(void **state)
{
	struct fake_fabric f;

	down(state);
	f = fake_fabric_seen();
	assert_int_equal(f.registered, 0);
	assert_int_equal(f.exposed, 0);
	return 0;
}

static void device_fills(const struct buffer *b, size_t offset, size_t len, unsigned int seed)
{
	CLEANUP_FREE unsigned char *bytes = malloc(len);

	fill(bytes, len, seed);
	assert_true(fake_dma_write(b->io + offset, bytes, len));
}

static bool has(const unsigned char *at, size_t len, unsigned int seed)
{
	CLEANUP_FREE unsigned char *bytes = malloc(len);

	fill(bytes, len, seed);
	return !memcmp(at, bytes, len);
}

/* ---- what travels by itself ---- */

static void what_a_program_writes_lands(void **state)
{
	struct buffer b = prepare(MIB, 0);

	(void)state;
	assert_int_equal(fake_fabric_seen().connects, 1);
	fill(b.at, MIB, 3);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 0, b.at, MIB));
	assert_true(fake_fabric_seen().written >= MIB / 2);
	release(&b);
}

/* More than the landing has room for, and again and again. */
static void much_is_written(void **state)
{
	struct buffer b = prepare(8 * MIB, 0);

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		fill(b.at, b.len, i);
		write64(0x2000, i);
		read64(0);
		assert_true(device_has(&b, 0, b.at, b.len));
	}
	assert_true(fake_fabric_seen().written >= 4 * b.len / 2);
	release(&b);
}

static void what_the_device_only_reads_lands_too(void **state)
{
	struct buffer b = prepare(4 * MIB, FPGA_BUF_READ_ONLY);

	(void)state;
	fill(b.at, b.len, 5);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 0, b.at, b.len));
	assert_true(fake_fabric_seen().written >= b.len / 2);
	release(&b);
}

static void little_goes_by_the_connection(void **state)
{
	struct buffer b = prepare(MIB, 0);
	uint64_t written;

	(void)state;
	written = fake_fabric_seen().written;
	b.at[5] = 7;
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 5, "\7", 1));
	assert_int_equal(fake_fabric_seen().written, written);
	release(&b);
}

static void what_the_device_writes_is_fetched(void **state)
{
	struct buffer b = prepare(2 * MIB, 0);

	(void)state;
	device_fills(&b, 0, b.len, 8);
	read64(0);
	assert_true(has(b.at, b.len, 8));
	assert_true(fake_fabric_seen().read >= b.len / 2);
	device_fills(&b, MIB, MIB, 9); /* what is shown, and what is not any more */
	read64(0);
	assert_true(has(b.at + MIB, MIB, 9));
	release(&b);
}

static bool all_is_told(void)
{
	int64_t deadline = clock_deadline(60 * NS_PER_S);
	struct fake_fabric f = fake_fabric_seen();

	while (f.fetched < f.fetches && clock_now_ns() < deadline) {
		clock_sleep_ns(NS_PER_MS);
		f = fake_fabric_seen();
	}
	return f.fetched == f.fetches;
}

/* Until the server knows, what changes there is asked for anew; so all is told when no more is to come. */
static void all_that_was_fetched_is_told(void **state)
{
	struct buffer b = prepare(2 * MIB, 0);

	(void)state;
	for (size_t at = 0; at < b.len; at += MIB / 2) {
		device_fills(&b, at, MIB / 4, 8);
		read64(0);
		assert_true(has(b.at + at, MIB / 4, 8));
		assert_true(all_is_told());
	}
	assert_true(fake_fabric_seen().fetches > 0);
	release(&b);
}

/* The device goes on writing where pages are fetched, and the program on the same pages: both stay. */
static void both_write(void **state)
{
	struct buffer b = prepare(MIB, 0);

	(void)state;
	for (unsigned int round = 1; round < 20; round++) {
		device_fills(&b, 0, b.len, round);
		read64(0);
		for (size_t at = 0; at < b.len; at += 4096) {
			unsigned char one = (unsigned char)(b.at[at + 100] + 1);

			assert_true(fake_dma_write(b.io + at + 200, "\1", 1));
			b.at[at + 100] = one;
		}
		write64(0x2000, round);
		read64(0);
		for (size_t at = 0; at < b.len; at += 4096) {
			assert_int_equal(b.at[at + 200], 1);
			assert_true(device_has(&b, at + 100, b.at + at + 100, 1));
		}
	}
	release(&b);
}

/* ---- explicit buffers ---- */

static void explicit_ones_are_moved_themselves(void **state)
{
	struct buffer b = prepare(3 * MIB, 0);

	(void)state;
	fill(b.at, b.len, 4);
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 100, b.len - 100), FPGA_OK);
	assert_true(device_has(&b, 100, b.at + 100, b.len - 100));
	assert_false(device_has(&b, 0, b.at, 100));
	device_fills(&b, 0, b.len, 6);
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, b.len), FPGA_OK);
	assert_true(has(b.at, b.len, 6));
	assert_int_equal(fake_fabric_seen().written, b.len - 100);
	assert_int_equal(fake_fabric_seen().read, b.len);
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 1, b.len), FPGA_INVALID_PARAM);
	release(&b);
}

/* ---- life ---- */

static void one_connection_and_one_registration_each(void **state)
{
	struct buffer a = prepare(MIB, 0), b = prepare(MIB, 0);

	(void)state;
	assert_int_equal(fake_fabric_seen().connects, 1);
	assert_int_equal(fake_fabric_seen().registered, 3); /* and the landing's head */
	assert_int_equal(fake_fabric_seen().exposed, 3);
	release(&a);
	assert_int_equal(fake_fabric_seen().registered, 2);
	assert_int_equal(fake_fabric_seen().exposed, 2);
	fill(b.at, MIB, 1);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 0, b.at, MIB));
	release(&b);
}

/* The server keeps the places of what was released as long as the fabric's connection is there. */
static void who_releases_much_connects_anew(void **state)
{
	struct buffer stays = prepare(MIB, 0);

	(void)state;
	for (unsigned int i = 0; i < 600; i++) {
		struct buffer b = prepare(4096, 0);

		release(&b);
	}
	assert_int_equal(fake_fabric_seen().connects, 3);
	fill(stays.at, MIB, 1);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&stays, 0, stays.at, MIB));
	release(&stays);
}

static struct {
	struct buffer b;
	atomic_bool done; /* a thread has read its first byte */
	bool in_time;
} touched;

static void *touch(void *arg)
{
	(void)arg;
	(void)*(volatile unsigned char *)touched.b.at;
	atomic_store(&touched.done, true);
	return NULL;
}

/* A thread that touches a page gets it, though there is no connection of the fabric's at this moment. */
static void touch_meanwhile(void)
{
	int64_t until = clock_deadline(60 * NS_PER_S);

	fake_fabric_when_freed(NULL);
	assert_int_equal(thread_start_detached(touch, NULL), 0);
	while (!atomic_load(&touched.done) && clock_now_ns() < until)
		clock_sleep_ns(NS_PER_MS);
	touched.in_time = atomic_load(&touched.done);
}

static void pages_come_while_it_connects_anew(void **state)
{
	uint64_t read;

	(void)state;
	touched.b = prepare(MIB, 0);
	touched.in_time = touched.done = false;
	device_fills(&touched.b, 0, MIB, 8);
	read64(0);
	fake_fabric_when_freed(touch_meanwhile);
	for (unsigned int i = 0; i < 300; i++) {
		struct buffer b = prepare(4096, 0);

		release(&b);
	}
	assert_true(touched.in_time);
	assert_int_equal(fake_fabric_seen().connects, 2);
	read = fake_fabric_seen().read;
	assert_true(has(touched.b.at, MIB, 8));
	assert_true(fake_fabric_seen().read > read); /* by the new one */
	release(&touched.b);
}

/* What goes with its handle is kept by the server as well. */
static void who_closes_much_connects_anew(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		prepare(4096, 0);
		assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
		h = rig_open();
	}
	assert_int_equal(fake_fabric_seen().connects, 3);
}

/* A program that closes, or goes, without a release. */
static void a_close_gives_all_back(void **state)
{
	(void)state;
	prepare(MIB, 0);
	prepare(MIB, FPGA_BUF_READ_ONLY);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	h = NULL;
	assert_int_equal(fake_fabric_seen().exposed, 0);
}

/* Nobody at the other end is to wait for a child's end. */
static void a_child_lets_go_of_it(void **state)
{
	struct buffer b = prepare(MIB, 0);
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid)
		_exit((int)fake_fabric_seen().forgotten);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(fake_fabric_seen().forgotten, 0);
	release(&b);
}

static void without_a_fabric_all_goes_by_the_connection(void **state)
{
	struct buffer b;

	(void)state;
	fake_fabric_refuse();
	b = prepare(MIB, 0);
	fill(b.at, MIB, 3);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 0, b.at, MIB));
	device_fills(&b, 0, MIB, 4);
	read64(0);
	assert_true(has(b.at, MIB, 4));
	assert_int_equal(fake_fabric_seen().written + fake_fabric_seen().read, 0);
	assert_int_equal(fake_fabric_seen().exposed, 0);
	release(&b);
}

/* Whoever has that port on the client's own machine. */
static void an_impostor_gets_nothing(void **state)
{
	struct buffer b;

	(void)state;
	fake_fabric_impostor();
	b = prepare(MIB, 0);
	fill(b.at, MIB, 3);
	write64(0x2000, 1);
	read64(0);
	assert_true(device_has(&b, 0, b.at, MIB));
	assert_int_equal(fake_fabric_seen().written + fake_fabric_seen().exposed, 0);
	release(&b);
}

/* A register write that was posted, and failed: who moves something hears of it, and nothing is moved. */
static void a_posted_failure_is_told_first(void **state)
{
	struct buffer b = prepare(MIB, 0);

	(void)state;
	write64(FAKE_FAILS, 1);
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, b.len), FPGA_EXCEPTION);
	assert_int_equal(fake_fabric_seen().read, 0);
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, b.len), FPGA_OK);
	assert_int_equal(fake_fabric_seen().read, b.len);
	release(&b);
}

static void nobody_connects_who_was_not_told_to(void **state)
{
	struct buffer b = prepare(MIB, 0);

	(void)state;
	assert_int_equal(fake_fabric_seen().connects, 0);
	release(&b);
}

/* Who knows what has arrived? The connection is lost, and says why; nobody hangs. */
static void a_fabric_that_breaks_breaks_the_connection(void **state)
{
	struct buffer b = prepare(MIB, 0);
	uint64_t v;

	(void)state;
	fill(b.at, MIB, 3);
	fake_fabric_break();
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0x2000, 1), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "RDMA"));
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_true(has(b.at, MIB, 3));
	rig.t.fpgaReleaseBuffer(h, b.wsid);
	rig.t.fpgaClose(h);
	h = NULL;
}

static void a_fetch_that_breaks_shows_what_there_is(void **state)
{
	struct buffer b = prepare(MIB, 0);

	(void)state;
	device_fills(&b, 0, MIB, 1);
	fake_fabric_break();
	assert_int_equal(b.at[0], 0); /* and does not hang */
	rig.t.fpgaReleaseBuffer(h, b.wsid);
	rig.t.fpgaClose(h);
	h = NULL;
}

#define TEST(name, up, down) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_program_writes_lands, up_rdma, down_clean),
		TEST(much_is_written, up_rdma, down_clean),
		TEST(what_the_device_only_reads_lands_too, up_rdma, down_clean),
		TEST(little_goes_by_the_connection, up_rdma, down_clean),
		TEST(what_the_device_writes_is_fetched, up_rdma, down_clean),
		TEST(all_that_was_fetched_is_told, up_rdma, down_clean),
		TEST(both_write, up_rdma, down_clean),
		TEST(explicit_ones_are_moved_themselves, up_explicit, down_clean),
		TEST(one_connection_and_one_registration_each, up_rdma, down_clean),
		TEST(who_releases_much_connects_anew, up_rdma, down_clean),
		TEST(pages_come_while_it_connects_anew, up_rdma, down_clean),
		TEST(who_closes_much_connects_anew, up_rdma, down_clean),
		TEST(a_close_gives_all_back, up_rdma, down_clean),
		TEST(a_child_lets_go_of_it, up_rdma, down_clean),
		TEST(without_a_fabric_all_goes_by_the_connection, up_rdma, down_clean),
		TEST(an_impostor_gets_nothing, up_rdma, down_clean),
		TEST(a_posted_failure_is_told_first, up_explicit, down_clean),
		TEST(nobody_connects_who_was_not_told_to, up_stream, down_clean),
		TEST(a_fabric_that_breaks_breaks_the_connection, up_rdma, down),
		TEST(a_fetch_that_breaks_shows_what_there_is, up_rdma, down),
	};

	if (trap_missing())
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
