/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a fabric's stream: orderly, by death, by nonsense. Provider tcp over the loopback. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/fabric-raw.h"
#include "tests/unit/stream-rig.h"
#include "transport/fabric-stream.h"

static void ended(struct transport *t, ssize_t rc)
{
	char byte = 0;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(stream_get(t, &byte, 1), rc);
		assert_int_equal(stream_send(t, &byte, 1), rc);
		assert_int_equal(transport_wait(t, 0, SOON), 0);
		assert_true(transport_has_room(t, 0));
	}
}

static void what_was_sent_before_the_end_arrives(void **state)
{
	unsigned char data[5 * FABRIC_MESSAGE_MAX], got[sizeof(data)];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8));
	assert_int_equal(stream_send(here, data, sizeof(data)), 0);
	transport_free(here);
	here = NULL;
	assert_int_equal(stream_get_all(there, got, sizeof(got)), 0);
	assert_memory_equal(got, data, sizeof(got));
	ended(there, -EPIPE);
}

struct waiting {
	struct transport *t;
	int rc;
};

static void *wait_long(void *arg)
{
	struct waiting *w = arg;

	w->rc = transport_wait(w->t, 0, SOON);
	return NULL;
}

static void shutdown_ends_both_sides(void **state)
{
	struct waiting w = { here, 1 };
	pthread_t t;

	(void)state;
	assert_int_equal(thread_start(&t, NULL, wait_long, &w), 0);
	here->ops->shutdown(here);
	pthread_join(t, NULL);
	assert_int_equal(w.rc, 0);
	ended(here, -EPIPE);
	ended(there, -EPIPE);
	here->ops->shutdown(here);
}

/* The process at the other end, which listens, dies while bytes are under way to it. */
static void a_peer_that_dies_is_the_end(void **state)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	int pipes[2], status, rc = 0;
	struct fabric *f;
	struct transport *t;
	struct fabric_conn *c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) { /* before libfabric is loaded: it is the first test */
		rig_listen(&rig);
		if (write(pipes[1], &rig.address.port, sizeof(rig.address.port)) < 0 ||
		    fabric_request_accept(rig_next(rig.listener, SOON), NULL, SOON, &c))
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &at.port, sizeof(at.port)), sizeof(at.port));
	f = rig_client(&at);
	assert_int_equal(fabric_connect(f, 0, NULL, SOON, NULL, &c), 0);
	assert_int_equal(fabric_stream_new(c, f, "a child", &t), 0);
	assert_int_equal(stream_send(t, "hello", 5), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (!rc)
		rc = stream_send(t, "more", 4);
	assert_int_equal(rc, -EPIPE);
	ended(t, -EPIPE);
	transport_free(t);
	close(pipes[0]);
	close(pipes[1]);
}

/* A program that connects, and its child, which is not the connection's any more and lives on. */
static void be_client_with_a_child(const struct address *at, int ready)
{
	struct fabric *f = rig_client(at);
	struct fabric_conn *c;
	struct transport *t;

	alarm(120); /* also when the test fails */
	if (fabric_connect(f, 0, NULL, SOON, NULL, &c) || fabric_stream_new(c, f, "server", &t))
		_exit(1);
	if (!fork()) {
		alarm(120);
		transport_forget(t);
	}
	if (write(ready, "x", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void a_child_of_the_peer_does_not_put_off_the_end(void **state)
{
	struct fabric_conn *c = NULL;
	int ready[2], group, status;
	struct transport *t;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	rig_listen(&rig);
	group = fork();
	if (!group) {
		setpgid(0, 0);
		be_client_with_a_child(&rig.address, ready[1]);
	}
	assert_int_equal(fabric_request_accept(rig_next(rig.listener, SOON), NULL, SOON, &c), 0);
	assert_int_equal(fabric_stream_new(c, NULL, "client", &t), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(group, SIGKILL);
	assert_int_equal(waitpid(group, &status, 0), group);
	ended(t, -EPIPE);
	kill(-group, SIGKILL);
	transport_free(t);
	close(ready[0]);
	close(ready[1]);
}

/* Both ends find out when the other's machine has gone. */
static void sockets_are_prepared(void **state)
{
	int found = 0;

	(void)state;
	for (int fd = 0; fd < 1024; fd++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer), one = sizeof(int);
		int on = 0;

		if (getpeername(fd, (struct sockaddr *)&peer, &len) || peer.sin_family != AF_INET)
			continue;
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &one), 0);
		assert_int_equal(on, 1);
		found++;
	}
	assert_int_equal(found, 2);
	assert_int_equal(here->ops->alive(here), 0);
}

struct accepting {
	struct fabric_listener *listener;
	struct fabric_conn *conn;
	int rc;
};

static void *accept_one(void *arg)
{
	struct accepting *a = arg;

	a->rc = fabric_request_accept(rig_next(a->listener, SOON), NULL, SOON, &a->conn);
	return NULL;
}

/* Messages of no length, and of more than any has. */
static void nonsense_is_the_end(void **state)
{
	static const size_t lengths[] = { 0, FABRIC_MESSAGE_MAX + 1 };
	uint64_t nothing = 0;
	pthread_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct accepting a = { 0 };
		struct transport *s;
		struct raw *raw;

		rig_listen(&rig);
		a.listener = rig.listener;
		assert_int_equal(thread_start(&t, NULL, accept_one, &a), 0);
		raw = raw_connect(&rig.address);
		raw_connected(raw);
		pthread_join(t, NULL);
		assert_int_equal(a.rc, 0);
		assert_int_equal(fabric_stream_new(a.conn, NULL, "raw", &s), 0);
		raw_send(raw, lengths[i], &nothing);
		ended(s, -EPROTO);
		transport_free(s);
		raw_free(raw);
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_dies_is_the_end),
		cmocka_unit_test_teardown(a_child_of_the_peer_does_not_put_off_the_end, down),
		RIGGED(sockets_are_prepared),
		RIGGED(what_was_sent_before_the_end_arrives),
		RIGGED(shutdown_ends_both_sides),
		cmocka_unit_test_teardown(nonsense_is_the_end, down),
	};

	return RUN(tests);
}
