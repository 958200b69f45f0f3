/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes over tcp, unix, vsock and the loop-back: they arrive, ends are told, and nothing stays open. */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"
#include "transport/connect.h"
#include "transport/listen.h"
#include "transport/loop.h"
#include "transport/sockaddr.h"
#include "transport/stream.h"

#define SOON clock_deadline(20 * NS_PER_S)

/* ---- sockets ---- */

static char folder[32];
static int fds_before;

static int up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/opae-transport.XXXXXX");
	fds_before = seam_count_fds();
	return mkdtemp(folder) ? 0 : -1;
}

static int down(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/s", folder);
	unlink(path);
	rmdir(folder);
	return seam_count_fds() == fds_before ? 0 : -1;
}

static struct address address(const char *text)
{
	struct address a;
	const char *why = "";

	if (address_parse(text, &a, &why))
		fail_msg("%s: %s", text, why);
	return a;
}

static struct address unix_address(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/s", folder);
	return address(path);
}

/* Waits for the next connection. */
static struct transport *accept_one(int listening, struct peer *peer)
{
	struct pollfd p = { .fd = listening, .events = POLLIN };
	struct transport *t = NULL;
	int fd = -1;

	assert_int_equal(sys_poll(&p, 1, 20000), 1);
	assert_int_equal(listen_accept(listening, &fd, peer), 0);
	assert_int_equal(stream_new(fd, peer->text, &t), 0);
	return t;
}

/* A connection to whoever listens at `a` (a port of 0: any); the same address is told. */
static void connected(struct address *a, struct transport **here, struct transport **there, struct peer *peer)
{
	char why[CONNECT_WHY_MAX];
	int listening = -1;

	assert_int_equal(listen_open(a, &listening), 0);
	if (a->kind != ADDRESS_UNIX)
		assert_int_equal(address_of_socket(listening, a), 0);
	if (a->kind == ADDRESS_VSOCK)
		a->cid = VMADDR_CID_LOCAL;
	if (transport_connect(a, SOON, here, why))
		fail_msg("%s", why);
	*there = accept_one(listening, peer);
	assert_int_equal(listen_accept(listening, &(int){ -1 }, peer), -EAGAIN);
	sys_close(listening);
}

static void read_whole(struct transport *t, unsigned char *at, size_t len)
{
	while (len) {
		struct iovec iov = { at, len };
		ssize_t n = t->ops->recv(t, &iov, 1);

		if (n == -EAGAIN) {
			assert_int_equal(transport_wait(t, 0, SOON), 0);
			continue;
		}
		assert_true(n > 0 && (size_t)n <= len);
		at += n;
		len -= (size_t)n;
	}
}

#define BULK (1u << 20)

static void *send_bulk(void *arg)
{
	static unsigned char data[BULK];
	struct iovec iov[3] = { { data, 1 }, { data + 1, 0 }, { data + 1, BULK - 1 } };

	for (size_t i = 0; i < BULK; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8));
	return (void *)(intptr_t)transport_send_all(arg, iov, 3, SOON);
}

/* More than any queue holds, whole and in order; then the end. */
static void carries_bytes(struct transport *here, struct transport *there)
{
	unsigned char *got = test_malloc(BULK);
	struct iovec iov = { got, 1 };
	pthread_t thread;
	void *rc;

	assert_int_equal(there->ops->recv(there, &iov, 1), -EAGAIN);
	assert_int_equal(transport_wait(there, clock_deadline(NS_PER_MS), clock_deadline(2 * NS_PER_MS)),
			 -ETIMEDOUT);
	assert_int_equal(pthread_create(&thread, NULL, send_bulk, here), 0);
	read_whole(there, got, BULK);
	pthread_join(thread, &rc);
	assert_null(rc);
	for (size_t i = 0; i < BULK; i++)
		if (got[i] != (unsigned char)(i * 7 + (i >> 8)))
			fail_msg("byte %zu differs", i);
	test_free(got);
}

static void ends(struct transport *here, struct transport *there)
{
	unsigned char byte = 1;
	struct iovec iov = { &byte, 1 };
	ssize_t n;

	transport_free(here);
	assert_int_equal(transport_wait(there, 0, SOON), 0);
	assert_int_equal(there->ops->recv(there, &iov, 1), -EPIPE);
	do { /* TCP learns of it from the answer to the first */
		iov = (struct iovec){ &byte, 1 };
		n = there->ops->send(there, &iov, 1);
	} while (n == 1);
	assert_int_equal(n, -EPIPE);
	transport_free(there);
}

static int option(struct transport *t, int level, int name)
{
	int v = 0;
	socklen_t len = sizeof(v);

	assert_int_equal(sys_getsockopt(t->ops->fd(t), level, name, &v, &len), 0);
	return v;
}

static void is_prepared(struct transport *t)
{
	assert_int_equal(option(t, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(t, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(option(t, IPPROTO_TCP, TCP_KEEPIDLE) +
		    option(t, IPPROTO_TCP, TCP_KEEPINTVL) * option(t, IPPROTO_TCP, TCP_KEEPCNT) <= 10);
	assert_int_equal(option(t, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	assert_non_null(t->ops->alive);
	assert_true(t->ops->alive(t) >= 0);
}

static void over_tcp(const char *text)
{
	struct address a = address(text);
	struct transport *here, *there;
	struct peer peer;

	connected(&a, &here, &there, &peer);
	assert_int_not_equal(a.port, 0);
	assert_int_equal(peer.kind, ADDRESS_TCP);
	assert_non_null(strstr(peer.text, strchr(text, '[') ? "[::1]:" : "127.0.0.1:"));
	is_prepared(here);
	is_prepared(there);
	carries_bytes(here, there);
	carries_bytes(there, here);
	ends(here, there);
}

static void tcp_carries(void **state)
{
	(void)state;
	over_tcp("127.0.0.1:0");
}

static void tcp_carries_over_ipv6(void **state)
{
	int fd = sys_socket(AF_INET6, SOCK_STREAM, 0);
	union sockaddr_any at;
	struct address a = address("[::1]:0");
	socklen_t len;

	(void)state;
	assert_int_equal(sockaddr_make(&a, &at, &len), 0);
	if (fd < 0 || sys_bind(fd, &at.any, len)) {
		print_message("# this machine has no IPv6 loopback: left out\n");
		sys_close(fd);
		return;
	}
	sys_close(fd);
	over_tcp("[::1]:0");
}

static void a_name_is_looked_up(void **state)
{
	struct address a = address("127.0.0.1:0");
	struct transport *here, *there;
	char why[CONNECT_WHY_MAX];
	struct peer peer;
	int listening;

	(void)state;
	assert_int_equal(listen_open(&a, &listening), 0);
	assert_int_equal(address_of_socket(listening, &a), 0);
	snprintf(a.host, sizeof(a.host), "localhost"); /* which may be ::1 first, where nobody listens */
	if (transport_connect(&a, SOON, &here, why))
		fail_msg("%s", why);
	there = accept_one(listening, &peer);
	sys_close(listening);
	ends(there, here);
}

/* The lookup's thread is still there, or not yet begun; what it has is freed by itself. */
static void a_lookup_may_be_left(void **state)
{
	struct address a = address("no-such-host.invalid:1");
	struct transport *t;
	char why[CONNECT_WHY_MAX];
	int64_t end = SOON;
	int rc;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct connector *c;

		assert_int_equal(connector_start(&a, &c), 0);
		if (i & 1)
			connector_step(c, &t);
		connector_free(c);
	}
	rc = transport_connect(&a, SOON, &t, why);
	assert_true(rc == -ENOENT || rc == -EHOSTUNREACH || rc == -ETIMEDOUT);
	assert_non_null(strstr(why, "no-such-host.invalid:1: "));
	while (seam_count_fds() != fds_before && clock_left_ms(end))
		sched_yield(); /* for the threads that were left */
}

static void failures_name_the_address(void **state)
{
	struct address a = address("127.0.0.1:0");
	struct transport *t;
	char why[CONNECT_WHY_MAX];
	int listening;

	(void)state;
	assert_int_equal(listen_open(&a, &listening), 0);
	assert_int_equal(address_of_socket(listening, &a), 0);
	sys_close(listening);
	assert_int_equal(transport_connect(&a, SOON, &t, why), -ECONNREFUSED);
	assert_non_null(strstr(why, "127.0.0.1:"));
	assert_non_null(strstr(why, "refused"));
	a = unix_address();
	assert_int_equal(transport_connect(&a, SOON, &t, why), -ENOENT);
	assert_non_null(strstr(why, folder));
	a = address("localhost:1");
	assert_int_equal(listen_open(&a, &listening), -EINVAL);
}

/* Nobody takes the connections of a full queue: the deadline ends the wait, on unix as on tcp. */
static void a_deadline_ends_connecting(void **state)
{
	struct address a = unix_address();
	struct transport *t[64];
	char why[CONNECT_WHY_MAX];
	int listening, n = 0, rc = 0;

	(void)state;
	assert_int_equal(listen_open(&a, &listening), 0);
	assert_int_equal(sys_listen(listening, 1), 0);
	while (n < 64) {
		rc = transport_connect(&a, clock_deadline(30 * NS_PER_MS), &t[n], why);
		if (rc)
			break;
		n++;
	}
	assert_int_equal(rc, -ETIMEDOUT);
	assert_non_null(strstr(why, "no answer in time"));
	while (n)
		transport_free(t[--n]);
	sys_close(listening);
}

static void unix_carries(void **state)
{
	struct address a = unix_address();
	struct transport *here, *there;
	struct peer peer;

	(void)state;
	connected(&a, &here, &there, &peer);
	assert_int_equal(peer.kind, ADDRESS_UNIX);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	carries_bytes(here, there);
	carries_bytes(there, here);
	ends(here, there);
}

static void a_unix_socket_is_its_owners(void **state)
{
	struct address a = unix_address();
	int first = -1, second = -1;
	struct stat st;

	(void)state;
	assert_int_equal(listen_open(&a, &first), 0);
	assert_int_equal(stat(a.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(listen_open(&a, &second), -EADDRINUSE); /* somebody listens */
	sys_close(first);
	assert_int_equal(listen_open(&a, &second), 0); /* nobody did */
	sys_close(second);
	unlink(a.path);
	fclose(fopen(a.path, "we"));
	assert_int_equal(listen_open(&a, &second), -EADDRINUSE); /* a file is nobody's socket */
	assert_int_equal(stat(a.path, &st), 0);
}

static void vsock_carries(void **state)
{
	struct address a = { .kind = ADDRESS_VSOCK, .cid = VMADDR_CID_LOCAL };
	struct transport *here, *there;
	struct peer peer;
	int listening = -1, rc = listen_open(&a, &listening);

	(void)state;
	if (rc) {
		print_message("# AF_VSOCK has no loopback here (%s): left out\n", strerror(-rc));
		return;
	}
	sys_close(listening);
	connected(&a, &here, &there, &peer);
	assert_int_equal(peer.kind, ADDRESS_VSOCK);
	assert_int_equal(peer.cid, VMADDR_CID_LOCAL);
	carries_bytes(here, there);
	carries_bytes(there, here);
	ends(here, there);
}

static void a_peer_that_does_not_read(void **state)
{
	struct address a = unix_address();
	struct transport *here, *there;
	static char data[65536];
	struct peer peer;
	int rc;

	(void)state;
	connected(&a, &here, &there, &peer);
	do {
		struct iovec iov = { data, sizeof(data) };

		rc = transport_send_all(here, &iov, 1, clock_deadline(20 * NS_PER_MS));
	} while (!rc);
	assert_int_equal(rc, -ETIMEDOUT);
	ends(there, here);
}

static void *wait_for_end(void *arg)
{
	return (void *)(intptr_t)transport_wait(arg, 0, SOON);
}

static void shutdown_wakes(void **state)
{
	struct address a = unix_address();
	struct transport *here, *there;
	pthread_t thread;
	struct peer peer;
	void *rc;

	(void)state;
	connected(&a, &here, &there, &peer);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_end, here), 0);
	here->ops->shutdown(here);
	pthread_join(thread, &rc);
	assert_null(rc);
	ends(here, there);
}

/* Every call of the kernel's that may fail, once each: an errno, and nothing is left open. */
static void each_call_may_fail(void **state)
{
	struct address local = unix_address();

	(void)state;
	for (int n = 1; n < 40; n++) {
		struct address a = address("127.0.0.1:0");
		int one = -1, two = -1, fd = -1;
		struct transport *t = NULL;
		struct peer peer;

		sys_set(seam_table());
		seam_arm(n, EIO, false);
		if (!listen_open(&a, &one) && !address_of_socket(one, &a) && !listen_open(&local, &two) &&
		    !transport_connect(&a, SOON, &t, NULL))
			listen_accept(one, &fd, &peer);
		seam_disarm();
		sys_set(NULL);
		transport_free(t);
		for (int *p = (int[]){ one, two, fd, -2 }; *p != -2; p++)
			if (*p >= 0)
				sys_close(*p);
		assert_int_equal(seam_count_fds(), fds_before);
		unlink(local.path);
	}
}

/* ---- a peer that has vanished, as the kernel would tell of it ---- */

static struct tcp_info info;
static int waiting;
static int64_t heard_at; /* 0: as info has it */

static int told_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	(void)request;
	memcpy(arg, &waiting, sizeof(waiting));
	return 0;
}

static int told_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (level != IPPROTO_TCP || name != TCP_INFO)
		return sys_kernel.getsockopt(fd, level, name, value, len);
	if (heard_at)
		info.tcpi_last_ack_recv = (uint32_t)((clock_now_ns() - heard_at) / NS_PER_MS);
	memcpy(value, &info, *len < sizeof(info) ? *len : sizeof(info));
	return 0;
}

/* Waits until the peer is given up: how long. */
static int64_t given_up(struct transport *t)
{
	int64_t began = clock_now_ns();

	assert_int_equal(transport_wait(t, 0, clock_deadline(600 * NS_PER_S)), -EHOSTDOWN);
	return clock_now_ns() - began;
}

static void a_silent_peer_is_found(void **state)
{
	const struct tcp_info silent = { .tcpi_unacked = 1, .tcpi_last_data_sent = 1,
					 .tcpi_last_ack_recv = 3600000 };
	struct address a = address("127.0.0.1:0");
	struct sys_ops ops = sys_kernel;
	struct transport *here, *there;
	struct peer peer;

	(void)state;
	connected(&a, &here, &there, &peer);
	ops.ioctl = told_ioctl;
	ops.getsockopt = told_getsockopt;
	sys_set(&ops);
	waiting = 0;
	assert_int_equal(here->ops->alive(here), 0); /* nothing under way, however long ago */
	waiting = 100;
	info = silent;
	assert_int_equal(here->ops->alive(here), 1); /* an idle hour does not count */
	info.tcpi_last_ack_recv = 0;
	assert_int_equal(here->ops->alive(here), 1);
	/* The window is shut and each probe is answered: stopped in a debugger. */
	info = (struct tcp_info){ .tcpi_last_data_sent = 3600000, .tcpi_last_ack_recv = 60000 };
	assert_int_equal(here->ops->alive(here), 1);
	/* Sent again and again without an answer: waits end by it, long before their deadlines. */
	info = silent;
	heard_at = clock_now_ns();
	assert_true(given_up(here) >= 5 * NS_PER_S);
	/* The kernel asked an idle peer in vain before data was sent: that counts, but for a second. */
	info = (struct tcp_info){ 0 };
	assert_int_equal(here->ops->alive(here), 1);
	info = silent;
	heard_at = clock_now_ns() - 7 * NS_PER_S;
	assert_int_equal(here->ops->alive(here), 1);
	assert_in_range(given_up(here) / NS_PER_MS, 900, 5500);
	heard_at = 0;
	sys_set(NULL);
	ends(here, there);
}

/* ---- the loop-back ---- */

static void the_loop_carries(void **state)
{
	struct transport *a, *b;

	(void)state;
	assert_int_equal(loop_pair(0, &a, &b), -EINVAL);
	assert_int_equal(loop_pair(5000, &a, &b), 0);
	carries_bytes(a, b);
	carries_bytes(b, a);
	ends(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(tcp_carries),
		RIGGED(tcp_carries_over_ipv6),
		RIGGED(failures_name_the_address),
		RIGGED(a_deadline_ends_connecting),
		RIGGED(unix_carries),
		RIGGED(a_unix_socket_is_its_owners),
		RIGGED(vsock_carries),
		RIGGED(a_peer_that_does_not_read),
		RIGGED(shutdown_wakes),
		RIGGED(each_call_may_fail),
		RIGGED(a_silent_peer_is_found),
		RIGGED(the_loop_carries),
		RIGGED(a_name_is_looked_up), /* last: their threads may outlive them, and use the seam */
		RIGGED(a_lookup_may_be_left),
	};

	return RUN(tests);
}
