/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections and messages. */
#include "transport/fabric.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/fabric-rig.h"
#include "tests/unit/seam.h"

static struct fabric_rig rig;

static int down(void **state)
{
	(void)state;
	rig_free(&rig);
	return 0;
}

static int up(void **state)
{
	(void)state;
	rig_connect(&rig);
	return 0;
}

static int up_listen(void **state)
{
	(void)state;
	rig_listen(&rig);
	return 0;
}

/* ---- connecting ---- */

struct refusal {
	int times;
	struct fabric_greeting heard, answer;
};

static void *refuse_all(void *arg)
{
	struct refusal *r = arg;

	for (int i = 0; i < r->times; i++) {
		struct fabric_request *q = rig_next(rig.listener, SOON);
		struct address peer;

		if (fabric_request_peer(q, &peer) || strcmp(peer.host, rig_address().host))
			r->times = -1;
		r->heard = *fabric_request_greeting(q);
		fabric_request_refuse(q, r->answer.len ? &r->answer : NULL);
	}
	return NULL;
}

/* As a listener tells a client where its worker is. */
static void refused_with_private_data(void **state)
{
	struct fabric_greeting hello = { .len = FABRIC_GREETING_MAX }, answer;
	struct refusal r = { .times = 3, .answer.len = FABRIC_GREETING_MAX };
	struct fabric_conn *c = NULL;
	pthread_t t;
	int rc;

	(void)state;
	for (size_t i = 0; i < FABRIC_GREETING_MAX; i++) {
		hello.data[i] = (unsigned char)i;
		r.answer.data[i] = (unsigned char)(200 + i);
	}
	rig.client.fabric = rig_client(&rig.address);
	assert_int_equal(thread_start(&t, NULL, refuse_all, &r), 0);
	for (int i = 0; i < 3; i++) {
		memset(&answer, 0, sizeof(answer));
		rc = fabric_connect(rig.client.fabric, 0, &hello, SOON, &answer, &c);
		assert_int_equal(rc, -ECONNREFUSED);
		assert_int_equal(answer.len, r.answer.len);
		assert_memory_equal(answer.data, r.answer.data, answer.len);
	}
	pthread_join(t, NULL);
	assert_int_equal(r.times, 3);
	assert_int_equal(r.heard.len, hello.len);
	assert_memory_equal(r.heard.data, hello.data, hello.len);
	assert_null(c);
}

static void refused_without_a_word(void **state)
{
	struct refusal r = { .times = 1 };
	struct fabric_greeting answer = { .len = 9 };
	struct fabric_conn *c = NULL;
	pthread_t t;

	(void)state;
	rig.client.fabric = rig_client(&rig.address);
	assert_int_equal(thread_start(&t, NULL, refuse_all, &r), 0);
	assert_int_equal(fabric_connect(rig.client.fabric, 0, NULL, SOON, &answer, &c), -ECONNREFUSED);
	assert_int_equal(answer.len, 0);
	pthread_join(t, NULL);
	assert_int_equal(r.heard.len, 0);
}

static void nobody_listens(void **state)
{
	struct fabric_greeting answer;
	struct fabric_conn *c = NULL;

	(void)state;
	rig.client.fabric = rig_client(&rig.address);
	fabric_listener_free(rig.listener);
	rig.listener = NULL;
	assert_int_equal(fabric_connect(rig.client.fabric, 0, NULL, SOON, &answer, &c), -ECONNREFUSED);
	assert_int_equal(answer.len, 0);
	assert_null(c);
}

/* The request arrives, and nobody answers it. */
static void silent_server_costs_the_deadline(void **state)
{
	struct fabric_conn *c = NULL;
	int64_t begun;
	int rc;

	(void)state;
	rig.client.fabric = rig_client(&rig.address);
	begun = clock_now_ns();
	rc = fabric_connect(rig.client.fabric, 0, NULL, clock_deadline(200 * NS_PER_MS), NULL, &c);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= 200 * NS_PER_MS);
	assert_null(c);
}

static void *accept_with_answer(void *arg)
{
	struct fabric_request *q = rig_next(rig.listener, SOON);

	fabric_request_accept(q, arg, SOON, &rig.server.conn);
	return NULL;
}

static void accepted_with_private_data(void **state)
{
	struct fabric_greeting sent = { .len = 11, .data = "come inside" }, answer;
	pthread_t t;
	int rc;

	(void)state;
	/* To another port than that which it was opened for. */
	rig.address.port++;
	rig.client.fabric = rig_client(&rig.address);
	rig.address.port--;
	assert_int_equal(thread_start(&t, NULL, accept_with_answer, &sent), 0);
	rc = fabric_connect(rig.client.fabric, rig.address.port, NULL, SOON, &answer, &rig.client.conn);
	assert_int_equal(rc, 0);
	pthread_join(t, NULL);
	assert_non_null(rig.server.conn);
	assert_int_equal(answer.len, sent.len);
	assert_memory_equal(answer.data, sent.data, sent.len);
}

static void *accept_without_descriptors(void *arg)
{
	struct fabric_request *q = rig_next(rig.listener, SOON);
	struct rlimit before, few;

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = STDERR_FILENO + 1;
	setrlimit(RLIMIT_NOFILE, &few);
	if (fabric_request_accept(q, NULL, SOON, &rig.server.conn) != -EMFILE)
		arg = NULL;
	setrlimit(RLIMIT_NOFILE, &before);
	return arg;
}

/* The client is told at once. */
static void a_server_that_cannot_refuses(void **state)
{
	struct fabric_conn *c = NULL;
	pthread_t t;
	void *ok;

	(void)state;
	rig.client.fabric = rig_client(&rig.address);
	assert_int_equal(thread_start(&t, NULL, accept_without_descriptors, &rig), 0);
	assert_int_equal(fabric_connect(rig.client.fabric, 0, NULL, SOON, NULL, &c), -ECONNREFUSED);
	pthread_join(t, &ok);
	assert_non_null(ok);
}

static void nothing_stays_open(void **state)
{
	int before;

	(void)state;
	rig_connect(&rig);
	rig_free(&rig);
	before = seam_count_fds();
	for (int i = 0; i < 20; i++) {
		rig_connect(&rig);
		rig_free(&rig);
	}
	assert_int_equal(seam_count_fds(), before);
}

/* ---- messages ---- */

static int send_bytes(struct fabric_conn *c, const void *at, size_t len)
{
	struct iovec iov = { NULL, len };

	memcpy(&iov.iov_base, &at, sizeof(at));
	return fabric_send(c, &iov, 1);
}

static int send_soon(struct fabric_conn *c, const void *at, size_t len)
{
	int64_t deadline = SOON;
	int rc;

	while ((rc = send_bytes(c, at, len)) == -EAGAIN && !fabric_wait(c, FABRIC_OUT, 0, deadline))
		;
	return rc;
}

static ssize_t recv_soon(struct fabric_conn *c, void *at, size_t len)
{
	int64_t deadline = SOON;
	ssize_t n;

	while ((n = fabric_recv(c, at, len)) == -EAGAIN && !fabric_wait(c, FABRIC_IN, 0, deadline))
		;
	return n;
}

static void *echo(void *arg)
{
	unsigned char buf[FABRIC_MESSAGE_MAX];
	ssize_t n;

	while ((n = recv_soon(arg, buf, sizeof(buf))) > 0)
		if (send_soon(arg, buf, (size_t)n))
			break;
	return NULL;
}

static void start_echo(pthread_t *t)
{
	assert_int_equal(thread_start(t, NULL, echo, rig.server.conn), 0);
}

static void end_echo(pthread_t t)
{
	fabric_shutdown(rig.server.conn);
	pthread_join(t, NULL);
}

static void fill(unsigned char *at, size_t len, size_t seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 7 + (i >> 8) + seed);
}

static void every_length_comes_back(void **state)
{
	static const size_t lengths[] = { 1, 2, 31, 32, 127, 128, 129, 4095, 4096, FABRIC_MESSAGE_MAX - 1,
					  FABRIC_MESSAGE_MAX };
	unsigned char out[FABRIC_MESSAGE_MAX], in[FABRIC_MESSAGE_MAX];
	pthread_t t;

	(void)state;
	start_echo(&t);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fill(out, lengths[i], i);
		assert_int_equal(send_soon(rig.client.conn, out, lengths[i]), 0);
		assert_int_equal(recv_soon(rig.client.conn, in, sizeof(in)), lengths[i]);
		assert_memory_equal(in, out, lengths[i]);
	}
	end_echo(t);
}

static void pieces_are_one_message(void **state)
{
	char a[] = "one ", b[] = "message", in[32];
	struct iovec iov[] = { { a, 4 }, { NULL, 0 }, { b, 7 } };

	(void)state;
	assert_int_equal(fabric_send(rig.client.conn, iov, 3), 0);
	assert_int_equal(recv_soon(rig.server.conn, in, sizeof(in)), 11);
	assert_memory_equal(in, "one message", 11);
}

static void lengths_are_checked(void **state)
{
	unsigned char big[FABRIC_MESSAGE_MAX + 1] = { 7 }, in[8];
	struct iovec two[] = { { big, FABRIC_MESSAGE_MAX }, { big, 1 } };
	struct iovec wrap[] = { { big, 8 }, { big, SIZE_MAX } };

	(void)state;
	assert_int_equal(send_bytes(rig.client.conn, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(send_bytes(rig.client.conn, big, 0), -EMSGSIZE);
	assert_int_equal(fabric_send(rig.client.conn, two, 2), -EMSGSIZE);
	assert_int_equal(fabric_send(rig.client.conn, wrap, 2), -EMSGSIZE);
	assert_int_equal(send_soon(rig.client.conn, big, 8), 0);
	assert_int_equal(fabric_wait(rig.server.conn, FABRIC_IN, 0, SOON), 0);
	assert_int_equal(fabric_recv(rig.server.conn, in, 7), -EMSGSIZE);
	assert_int_equal(fabric_recv(rig.server.conn, in, 8), 8);
	assert_int_equal(in[0], 7);
}

static void who_serves_ends_with_a_message_or_in_time(void **state)
{
	unsigned char byte = 1;

	(void)state;
	for (int64_t spin_ns = 0; spin_ns <= NS_PER_MS; spin_ns += NS_PER_MS) {
		assert_int_equal(fabric_serve(rig.server.conn, spin_ns, clock_deadline(50 * NS_PER_MS)),
				 -ETIMEDOUT);
		assert_int_equal(send_soon(rig.client.conn, &byte, 1), 0);
		assert_int_equal(fabric_serve(rig.server.conn, spin_ns, SOON), 0);
		assert_int_equal(fabric_recv(rig.server.conn, &byte, 1), 1);
	}
	fabric_shutdown(rig.server.conn);
	assert_int_equal(fabric_serve(rig.server.conn, 0, SOON), 0);
}

/* Who does not take them stops the sender, and no more than that. */
static void credits_run_out_and_come_back(void **state)
{
	uint32_t sent = 0, taken = 0, in;
	int rc;

	(void)state;
	for (int round = 0; round < 5; round++) {
		while (sent - taken < FABRIC_CREDITS) {
			assert_int_equal(send_soon(rig.client.conn, &sent, sizeof(sent)), 0);
			sent++;
		}
		assert_int_equal(send_bytes(rig.client.conn, &sent, sizeof(sent)), -EAGAIN);
		rc = fabric_wait(rig.client.conn, FABRIC_OUT, 0, clock_deadline(20 * NS_PER_MS));
		assert_int_equal(rc, -ETIMEDOUT);
		while (taken < sent) {
			assert_int_equal(recv_soon(rig.server.conn, &in, sizeof(in)), sizeof(in));
			assert_int_equal(in, taken++);
		}
	}
}

struct counted {
	struct fabric_conn *conn;
	uint32_t n;
};

static void *send_counted(void *arg)
{
	const struct counted *s = arg;

	for (uint32_t i = 0; i < s->n; i++)
		if (send_soon(s->conn, &i, sizeof(i)))
			break;
	return NULL;
}

/* Both ends send as fast as they can, each by a thread of its own, and receive by another. */
static void many_both_ways(void **state)
{
	struct counted out[] = { { rig.client.conn, 5000 }, { rig.server.conn, 5000 } };
	pthread_t t[2];
	uint32_t in;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_start(&t[i], NULL, send_counted, &out[i]), 0);
	for (uint32_t i = 0; i < out[0].n; i++) {
		assert_int_equal(recv_soon(rig.server.conn, &in, sizeof(in)), sizeof(in));
		assert_int_equal(in, i);
		assert_int_equal(recv_soon(rig.client.conn, &in, sizeof(in)), sizeof(in));
		assert_int_equal(in, i);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* A loop of one's own over descriptors: it sleeps when it may, and finds the message and the end. */
static ssize_t recv_by_poll(struct fabric_conn *c, void *at, size_t len)
{
	int64_t deadline = SOON;
	ssize_t n;

	while ((n = fabric_recv(c, at, len)) == -EAGAIN && clock_left_ms(deadline)) {
		struct pollfd p = { .fd = fabric_fd(c), .events = POLLIN };

		if (fabric_may_sleep(c))
			poll(&p, 1, FABRIC_NAP_MS);
	}
	return n;
}

static void a_poll_of_ones_own(void **state)
{
	uint32_t in;
	struct counted out = { rig.client.conn, 500 };
	pthread_t t;

	(void)state;
	assert_int_equal(thread_start(&t, NULL, send_counted, &out), 0);
	for (uint32_t i = 0; i < out.n; i++) {
		assert_int_equal(recv_by_poll(rig.server.conn, &in, sizeof(in)), sizeof(in));
		assert_int_equal(in, i);
	}
	pthread_join(t, NULL);
	fabric_shutdown(rig.client.conn);
	assert_int_equal(recv_by_poll(rig.server.conn, &in, sizeof(in)), -EPIPE);
}

/* ---- the end ---- */

static void what_came_before_the_end_is_received(void **state)
{
	char in[8], why[FABRIC_WHY_MAX];

	(void)state;
	fabric_why(rig.server.conn, why);
	assert_string_equal(why, "");
	assert_int_equal(send_soon(rig.client.conn, "last", 4), 0);
	assert_int_equal(fabric_flush(rig.client.conn, SOON), 0);
	fabric_conn_free(rig.client.conn);
	rig.client.conn = NULL;
	assert_int_equal(recv_soon(rig.server.conn, in, sizeof(in)), 4);
	assert_memory_equal(in, "last", 4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recv_soon(rig.server.conn, in, sizeof(in)), -EPIPE);
		assert_int_equal(send_bytes(rig.server.conn, in, 4), -EPIPE);
		assert_int_equal(fabric_flush(rig.server.conn, SOON), -EPIPE);
	}
	fabric_why(rig.server.conn, why);
	assert_non_null(strstr(why, rig_address().host));
}

static void *recv_one(void *arg)
{
	char in[8];
	ssize_t n = recv_soon(arg, in, sizeof(in));
	void *ret;

	memcpy(&ret, &n, sizeof(ret));
	return ret;
}

/* Two that wait: one sleeps in the kernel, the other behind him. */
static void shutdown_wakes_who_waits(void **state)
{
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_start(&t[i], NULL, recv_one, rig.server.conn), 0);
	usleep(20000); /* so that they mostly sleep; it holds also when they do not */
	fabric_shutdown(rig.server.conn);
	for (int i = 0; i < 2; i++) {
		ssize_t n;
		void *ret;

		pthread_join(t[i], &ret);
		memcpy(&n, &ret, sizeof(n));
		assert_int_equal(n, -ESHUTDOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused_with_private_data, up_listen, down),
		cmocka_unit_test_setup_teardown(refused_without_a_word, up_listen, down),
		cmocka_unit_test_setup_teardown(nobody_listens, up_listen, down),
		cmocka_unit_test_setup_teardown(silent_server_costs_the_deadline, up_listen, down),
		cmocka_unit_test_setup_teardown(accepted_with_private_data, up_listen, down),
		cmocka_unit_test_setup_teardown(a_server_that_cannot_refuses, up_listen, down),
		cmocka_unit_test_teardown(nothing_stays_open, down),
		RIGGED(every_length_comes_back),
		RIGGED(pieces_are_one_message),
		RIGGED(lengths_are_checked),
		RIGGED(who_serves_ends_with_a_message_or_in_time),
		RIGGED(credits_run_out_and_come_back),
		RIGGED(many_both_ways),
		RIGGED(a_poll_of_ones_own),
		RIGGED(what_came_before_the_end_is_received),
		RIGGED(shutdown_wakes_who_waits),
	};

	return RUN(tests);
}
