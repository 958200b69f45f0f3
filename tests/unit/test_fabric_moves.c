/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads and writes of the other end's memory, and what a peer does that is hostile, dead or silent. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/fabric-raw.h"
#include "tests/unit/fabric-rig.h"
#include "transport/fabric.h"

#define MIB ((size_t)1 << 20)
#define TIMES(n) (rig_is_slow() ? (n) / 10 : (n))
#define GUARD 4096

static struct fabric_rig rig;
static size_t area; /* what is registered on each side */
static unsigned char *here, *there; /* there: with a guard before and behind what is registered */
static struct fabric_memory *own, *offered;
static struct fabric_remote remote;

static int up(void **state)
{
	unsigned int both = FABRIC_PEER_READS | FABRIC_PEER_WRITES;

	(void)state;
	rig_connect(&rig);
	here = calloc(1, area);
	there = calloc(1, area + 2 * GUARD);
	if (!here || !there)
		return -1;
	memset(there, 0xee, GUARD);
	memset(there + GUARD + area, 0xee, GUARD);
	if (fabric_memory_add(rig.client.fabric, here, area, FABRIC_OWN, &own) ||
	    fabric_memory_add(rig.server.fabric, there + GUARD, area, both, &offered))
		return -1;
	fabric_memory_tell(offered, &remote);
	return 0;
}

static bool is_guarded(const unsigned char *at)
{
	for (size_t i = 0; i < GUARD; i++)
		if (at[i] != 0xee)
			return false;
	return true;
}

static int down(void **state)
{
	bool good = is_guarded(there) && is_guarded(there + GUARD + area);

	(void)state;
	fabric_conn_free(rig.client.conn);
	fabric_conn_free(rig.server.conn);
	rig.client.conn = rig.server.conn = NULL;
	fabric_memory_remove(own);
	fabric_memory_remove(offered);
	own = offered = NULL;
	rig_free(&rig);
	free(here);
	free(there);
	return good ? 0 : -1;
}

static unsigned char byte_of(size_t i, unsigned int seed)
{
	return (unsigned char)(i * 13 + (i >> 12) + seed);
}

static void fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = byte_of(i, seed);
}

static void is_filled(const unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != byte_of(i, seed))
			fail_msg("byte %zu of %zu is %u", i, len, at[i]);
}

static struct fabric_move whole(size_t len)
{
	return (struct fabric_move){ .own = own, .own_at = 3, .remote = &remote, .remote_at = 5, .len = len };
}

/* ---- reading and writing ---- */

static const size_t lengths[] = { 0, 1, 8, 4095, 4096, MIB / 4, MIB / 4 + 1, MIB - 1, MIB, MIB + 1,
				  8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB + 1, 20 * MIB - 5 };
#define NUM_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static void every_length_is_read(void **state)
{
	struct fabric_mover *m;

	(void)state;
	fill(there + GUARD + 5, area - 5, 1);
	m = rig_move(rig.server.conn);
	for (size_t i = 0; i < NUM_LENGTHS && lengths[i] < area - 4; i++) {
		struct fabric_move move = whole(lengths[i]);

		memset(here, 0, area);
		assert_int_equal(fabric_read(rig.client.conn, &move, SOON), 0);
		is_filled(here + 3, lengths[i], 1);
		assert_int_equal(here[2], 0);
		if (3 + lengths[i] < area)
			assert_int_equal(here[3 + lengths[i]], 0);
	}
	assert_int_equal(rig_moved(m), -ESHUTDOWN);
}

/* Pieces may all have ended before the next ones are posted. */
static void long_reads_one_after_the_other(void **state)
{
	struct fabric_mover *m = rig_move(rig.server.conn);
	struct fabric_move move = whole(area - 5);

	(void)state;
	for (int i = 0; i < TIMES(60); i++)
		assert_int_equal(fabric_read(rig.client.conn, &move, clock_deadline(5 * NS_PER_S)), 0);
	assert_int_equal(rig_moved(m), -ESHUTDOWN);
}

struct written {
	size_t len;
	unsigned int seed;
};

/* A message comes behind what was written before it: who has received it sees everything. */
static void *look_at_what_is_written(void *arg)
{
	struct written w;
	const char *wrong = NULL;

	(void)arg;
	while (!wrong && !fabric_wait(rig.server.conn, FABRIC_IN, 0, SOON)) {
		ssize_t n = fabric_recv(rig.server.conn, &w, sizeof(w));
		struct iovec iov = { &w, sizeof(w) };

		if (n < 0)
			return NULL;
		for (size_t i = 0; i < w.len && !wrong; i++)
			if (there[GUARD + 5 + i] != byte_of(i, w.seed))
				wrong = "a byte that was written is not there";
		if (!wrong && fabric_send(rig.server.conn, &iov, 1))
			wrong = "the answer cannot be sent";
	}
	return wrong ? arg : NULL;
}

static void every_length_is_written_before_the_message(void **state)
{
	pthread_t t;
	void *wrong;

	(void)state;
	assert_int_equal(thread_start(&t, NULL, look_at_what_is_written, &rig), 0);
	for (unsigned int i = 0; i < NUM_LENGTHS && lengths[i] < area - 4; i++) {
		struct written w = { lengths[i], i };
		struct iovec iov = { &w, sizeof(w) };
		struct fabric_move move = whole(lengths[i]);

		fill(here + 3, lengths[i], i);
		assert_int_equal(fabric_write(rig.client.conn, &move, SOON), 0);
		memset(here + 3, 0, lengths[i]);
		assert_int_equal(fabric_send(rig.client.conn, &iov, 1), 0);
		assert_int_equal(fabric_wait(rig.client.conn, FABRIC_IN, 0, SOON), 0);
		assert_int_equal(fabric_recv(rig.client.conn, &w, sizeof(w)), sizeof(w));
	}
	fabric_shutdown(rig.client.conn);
	pthread_join(t, &wrong);
	assert_null(wrong);
}

static void after_the_fence_it_is_there(void **state)
{
	struct fabric_mover *m = rig_move(rig.server.conn);
	struct fabric_move move = whole(MIB);
	char unused[FABRIC_WHY_MAX];

	(void)state;
	for (unsigned int i = 0; i < TIMES(50u); i++) {
		fill(here + 3, MIB, i);
		assert_int_equal(fabric_write(rig.client.conn, &move, SOON), 0);
		assert_int_equal(fabric_fence(rig.client.conn, &remote, SOON), 0);
		/* A lock that its thread has had since, for who looks for races. */
		fabric_why(rig.server.conn, unused);
		is_filled(there + GUARD + 5, MIB, i);
	}
	assert_int_equal(rig_moved(m), -ESHUTDOWN);
}

static void *read_often(void *arg)
{
	struct fabric_move move = whole(64 << 10);

	for (int i = 0; i < 300; i++)
		if (fabric_read(rig.client.conn, &move, SOON))
			return arg;
	return NULL;
}

/* Both threads wait on one connection, and each gets what is his. */
static void reads_and_messages_of_two_threads(void **state)
{
	void *failed;
	pthread_t t, echo;

	(void)state;
	fill(there + GUARD, area, 3);
	assert_int_equal(thread_start(&echo, NULL, look_at_what_is_written, &rig), 0);
	assert_int_equal(thread_start(&t, NULL, read_often, &rig), 0);
	for (unsigned int i = 0; i < 300; i++) {
		struct written w = { 0, i };
		struct iovec iov = { &w, sizeof(w) };

		assert_int_equal(fabric_send(rig.client.conn, &iov, 1), 0);
		assert_int_equal(fabric_wait(rig.client.conn, FABRIC_IN, 0, SOON), 0);
		assert_int_equal(fabric_recv(rig.client.conn, &w, sizeof(w)), sizeof(w));
		assert_int_equal(w.seed, i);
	}
	pthread_join(t, &failed);
	assert_null(failed);
	fabric_shutdown(rig.client.conn);
	pthread_join(echo, &failed);
	assert_null(failed);
}

static void bounds_are_checked_here(void **state)
{
	struct fabric_remote wraps = { .base = UINT64_MAX - 10, .key = remote.key, .len = 100 };
	const struct fabric_move bad[] = {
		{ own, 0, &remote, 0, area + 1 },	{ own, area, &remote, 0, 1 },
		{ own, area + 1, &remote, 0, 0 },	{ own, SIZE_MAX, &remote, 0, 2 },
		{ own, 2, &remote, 0, SIZE_MAX },	{ own, 0, &remote, area, 1 },
		{ own, 0, &remote, area + 1, 0 },	{ own, 0, &remote, UINT64_MAX, 2 },
		{ own, 0, &remote, 1, area },		{ own, 0, &wraps, 0, 8 },
	};
	struct fabric_move good = { own, area - 1, &remote, area - 1, 1 };
	struct fabric_move others = { offered, 0, &remote, 0, 1 };
	struct fabric_mover *m = rig_move(rig.server.conn);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fabric_read(rig.client.conn, &bad[i], SOON), -ERANGE);
		assert_int_equal(fabric_write(rig.client.conn, &bad[i], SOON), -ERANGE);
	}
	assert_int_equal(fabric_read(rig.client.conn, &others, SOON), -EINVAL);
	assert_int_equal(fabric_read(rig.client.conn, &good, SOON), 0);
	assert_int_equal(rig_moved(m), -ESHUTDOWN);
}

/* ---- a hostile peer: its connection ends, the memory is as it was, and another client is served ---- */

static void ends_the_connection(struct fabric_remote lie, uint64_t at, size_t len, bool write)
{
	struct fabric_mover *m = rig_move(rig.server.conn);
	struct fabric_move move = { .own = own, .remote = &lie, .remote_at = at, .len = len };
	int rc;

	memset(there + GUARD, 0x55, area);
	memset(here, 0x77, area);
	if (write) {
		fabric_write(rig.client.conn, &move, SOON); /* which may leave before it is refused */
		rc = fabric_fence(rig.client.conn, &remote, SOON);
	} else {
		rc = fabric_read(rig.client.conn, &move, SOON);
	}
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(rig_lost(m), -EPIPE);
	for (size_t i = 0; i < area; i++)
		if (there[GUARD + i] != 0x55 || here[i] != 0x77)
			fail_msg("byte %zu has changed", i);

	fabric_conn_free(rig.server.conn);
	fabric_conn_free(rig.client.conn);
	rig_connect_again(&rig);
	m = rig_move(rig.server.conn);
	move = (struct fabric_move){ .own = own, .remote = &remote, .len = area };
	assert_int_equal(fabric_read(rig.client.conn, &move, SOON), 0);
	assert_int_equal(rig_moved(m), -ESHUTDOWN);
}

static struct fabric_remote lie(uint64_t key, uint64_t more)
{
	return (struct fabric_remote){ .base = remote.base, .key = key, .len = remote.len + more };
}

static void wrong_key(void **state)
{
	(void)state;
	ends_the_connection(lie(remote.key + 1, 0), 0, 64, true);
}

static void wrong_key_to_read(void **state)
{
	(void)state;
	ends_the_connection(lie(remote.key ^ 1, 0), 0, 64, false);
}

static void one_byte_past_the_end(void **state)
{
	(void)state;
	ends_the_connection(lie(remote.key, 64), area - 63, 64, true);
}

static void one_byte_past_the_end_to_read(void **state)
{
	(void)state;
	ends_the_connection(lie(remote.key, 64), area - 63, 64, false);
}

static void far_beyond(void **state)
{
	(void)state;
	ends_the_connection(lie(remote.key, (uint64_t)1 << 40), (uint64_t)1 << 39, 64, true);
}

static void before_the_begin(void **state)
{
	struct fabric_remote l = remote;

	(void)state;
	if (!l.base) {
		/* Offsets: before the first is the last of all. */
		l = (struct fabric_remote){ .base = UINT64_MAX - 64, .key = remote.key, .len = 64 };
		ends_the_connection(l, 0, 32, true);
		return;
	}
	l.base -= 64;
	ends_the_connection(l, 0, 64, true);
}

static void stale_key(void **state)
{
	struct fabric_memory *gone;
	struct fabric_remote l;
	int rc = fabric_memory_add(rig.server.fabric, there + GUARD, area, FABRIC_PEER_WRITES, &gone);

	(void)state;
	assert_int_equal(rc, 0);
	fabric_memory_tell(gone, &l);
	fabric_memory_remove(gone);
	ends_the_connection(l, 0, 64, true);
}

static void memory_that_may_only_be_read(void **state)
{
	struct fabric_memory *m;
	struct fabric_remote l;

	(void)state;
	assert_int_equal(fabric_memory_add(rig.server.fabric, there + GUARD, area, FABRIC_PEER_READS, &m), 0);
	fabric_memory_tell(m, &l);
	ends_the_connection(l, 0, 64, true);
	fabric_memory_remove(m);
}

static void memory_of_the_servers_own(void **state)
{
	struct fabric_memory *m;
	struct fabric_remote l;

	(void)state;
	assert_int_equal(fabric_memory_add(rig.server.fabric, there + GUARD, area, FABRIC_OWN, &m), 0);
	fabric_memory_tell(m, &l);
	ends_the_connection(l, 0, 64, false);
	fabric_memory_remove(m);
}

/* ---- messages that are none of ours ---- */

static void *accept_raw(void *arg)
{
	struct fabric_rig *r = arg;

	fabric_request_accept(rig_next(r->listener, SOON), NULL, SOON, &r->server.conn);
	return NULL;
}

static void raw_message_ends_it(size_t len, const uint64_t *data, int times)
{
	struct fabric_rig r;
	char buf[FABRIC_MESSAGE_MAX];
	struct raw *raw;
	pthread_t t;
	int64_t deadline = SOON;
	ssize_t n;

	rig_listen(&r);
	assert_int_equal(thread_start(&t, NULL, accept_raw, &r), 0);
	raw = raw_connect(&r.address);
	raw_connected(raw);
	pthread_join(t, NULL);
	assert_non_null(r.server.conn);
	for (int i = 0; i < times; i++)
		raw_send(raw, len, data);
	do {
		n = fabric_wait(r.server.conn, FABRIC_IN, 0, deadline) ? -ETIMEDOUT : 0;
		if (!n && times == 1)
			n = fabric_recv(r.server.conn, buf, sizeof(buf));
	} while (n == -EAGAIN);
	if (times > 1) /* it was not taken while they came: they are there, and then it is over */
		while ((n = fabric_recv(r.server.conn, buf, sizeof(buf))) > 0)
			;
	assert_int_equal(n, -EPROTO);
	raw_free(raw);
	rig_free(&r);
}

static void messages_that_are_none_of_ours(void **state)
{
	const uint64_t none = 0, many = FABRIC_CREDITS + 1, one = 1, strange = 0x10000, bare = 0x80000000;
	const uint64_t bare_one = 0x80000001;

	(void)state;
	raw_message_ends_it(8, NULL, 1);	 /* without immediate data */
	raw_message_ends_it(8, &one, 1);	 /* credits that were never given */
	raw_message_ends_it(8, &many, 1);
	raw_message_ends_it(8, &strange, 1);	 /* bits that mean nothing */
	raw_message_ends_it(0, &none, 1);	 /* nothing in it */
	raw_message_ends_it(0, &bare, 1);
	raw_message_ends_it(8, &bare_one, 1);	 /* a note with something in it */
	raw_message_ends_it(FABRIC_MESSAGE_MAX + 1, &none, 1);
	raw_message_ends_it(8, &none, FABRIC_CREDITS + 1);
}

/* ---- another process ---- */

#define OFFERED (64 * MIB)

/* The other process: offers memory, says where, and serves until its end. */
static int serve(const char *port)
{
	struct address a = rig_address();
	struct fabric *f;
	unsigned char *at = calloc(1, OFFERED);
	struct fabric_memory *m = NULL;
	struct fabric_conn *c = NULL;
	struct fabric_remote r;
	struct iovec iov = { &r, sizeof(r) };

	a.port = (uint32_t)strtoul(port, NULL, 10);
	f = rig_client(&a);
	if (!at || fabric_memory_add(f, at, OFFERED, FABRIC_PEER_READS, &m) ||
	    fabric_connect(f, 0, NULL, SOON, NULL, &c))
		return 1;
	fabric_memory_tell(m, &r);
	if (fabric_send(c, &iov, 1))
		return 1;
	return fabric_wait(c, FABRIC_IN, 0, SOON);
}

struct peer {
	struct fabric_rig rig;
	pid_t pid;
	struct fabric_remote remote;
	unsigned char *at;
	struct fabric_memory *own;
};

static void start_peer(struct peer *p)
{
	char port[16];
	int rc;

	rig_listen(&p->rig);
	snprintf(port, sizeof(port), "%u", p->rig.address.port);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		execl("/proc/self/exe", "test_fabric_moves", "serve", port, NULL);
		_exit(127);
	}
	rc = fabric_request_accept(rig_next(p->rig.listener, SOON), NULL, SOON, &p->rig.server.conn);
	assert_int_equal(rc, 0);
	assert_int_equal(fabric_wait(p->rig.server.conn, FABRIC_IN, 0, SOON), 0);
	assert_int_equal(fabric_recv(p->rig.server.conn, &p->remote, sizeof(p->remote)), sizeof(p->remote));
	p->at = calloc(1, OFFERED);
	assert_non_null(p->at);
	assert_int_equal(fabric_memory_add(p->rig.server.fabric, p->at, OFFERED, FABRIC_OWN, &p->own), 0);
}

static void end_peer(struct peer *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	fabric_conn_free(p->rig.server.conn);
	p->rig.server.conn = NULL;
	fabric_memory_remove(p->own);
	rig_free(&p->rig);
	free(p->at);
}

static void stop(struct peer *p)
{
	int status;

	kill(p->pid, SIGSTOP);
	assert_int_equal(waitpid(p->pid, &status, WUNTRACED), p->pid);
	assert_true(WIFSTOPPED(status));
}

static void *kill_soon(void *arg)
{
	struct peer *p = arg;

	clock_sleep_ns(50 * NS_PER_MS); /* not so soon that the read has not begun; it holds also then */
	kill(p->pid, SIGKILL);
	return NULL;
}

static void peer_is_killed_in_the_middle(void **state)
{
	struct peer p = { .pid = -1 };
	struct fabric_move move;
	pthread_t t;
	int rc;

	(void)state;
	start_peer(&p);
	move = (struct fabric_move){ .own = p.own, .remote = &p.remote, .len = OFFERED };
	assert_int_equal(fabric_read(p.rig.server.conn, &move, SOON), 0);
	stop(&p); /* so that the read cannot come to its end */
	assert_int_equal(thread_start(&t, NULL, kill_soon, &p), 0);
	rc = fabric_read(p.rig.server.conn, &move, SOON);
	pthread_join(t, NULL);
	assert_int_equal(rc, -EPIPE);
	end_peer(&p);
}

/* Where hardware moves the bytes a process that stands still is read all the same. */
static void silent_peer_costs_the_deadline(void **state)
{
	bool tcp = !strcmp(rig_provider(), "tcp");
	int64_t least = (tcp ? 200 : 1) * NS_PER_MS, begun;
	struct peer p = { .pid = -1 };
	struct fabric_move move;
	struct iovec iov = { &move, 8 };

	(void)state;
	start_peer(&p);
	move = (struct fabric_move){ .own = p.own, .remote = &p.remote, .len = OFFERED };
	stop(&p);
	if (!tcp)
		assert_int_equal(fabric_read(p.rig.server.conn, &move, SOON), 0);
	begun = clock_now_ns();
	assert_int_equal(fabric_read(p.rig.server.conn, &move, clock_deadline(least)), -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= least);
	assert_int_equal(fabric_read(p.rig.server.conn, &move, SOON), -ETIMEDOUT);
	assert_int_equal(fabric_send(p.rig.server.conn, &iov, 1), -ETIMEDOUT);
	assert_int_equal(fabric_recv(p.rig.server.conn, &iov, 8), -ETIMEDOUT);
	/* What it sends now goes nowhere. */
	memset(p.at, 0x11, OFFERED);
	kill(p.pid, SIGCONT);
	end_peer(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIGGED(every_length_is_read),
		RIGGED(long_reads_one_after_the_other),
		RIGGED(every_length_is_written_before_the_message),
		RIGGED(after_the_fence_it_is_there),
		RIGGED(reads_and_messages_of_two_threads),
		RIGGED(bounds_are_checked_here),
		RIGGED(wrong_key),
		RIGGED(wrong_key_to_read),
		RIGGED(one_byte_past_the_end),
		RIGGED(one_byte_past_the_end_to_read),
		RIGGED(far_beyond),
		RIGGED(before_the_begin),
		RIGGED(stale_key),
		RIGGED(memory_that_may_only_be_read),
		RIGGED(memory_of_the_servers_own),
		cmocka_unit_test(messages_that_are_none_of_ours),
		cmocka_unit_test(peer_is_killed_in_the_middle),
		cmocka_unit_test(silent_peer_costs_the_deadline),
	};

	area = (rig_is_slow() ? 3 : 20) * MIB;
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	return RUN(tests);
}
