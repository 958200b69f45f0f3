/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of opaed by a fabric alone, for tests: what comes on descriptor 0, a socket, goes to a worker of
 * opaed's, and the reverse; or, on the way there, does what a client would not.
 *
 *	rdma-pump ADDRESS                       knocks, goes to the worker, and pumps
 *	rdma-pump ADDRESS knock N               knocks N times, goes nowhere, and tells each answer
 *	rdma-pump ADDRESS go PORT TOKEN         goes there with these 32 digits, and pumps
 *	rdma-pump ADDRESS read TOKEN BASE KEY LEN   connects with these, and reads the memory again and again
 *
 * The environment's RDMA_PUMP names libfabric's provider, if it is not tcp.
 * On stdout: "answer CODE PORT TOKEN PROOF", "refused ERRNO", "accepted PROOF"; "read TIMES".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/fabric-door.h"
#include "transport/fabric-stream.h"

#define CALL_NS (20 * NS_PER_S)
#define AGAIN_NS (20 * NS_PER_MS)

static struct fabric *fabric;

static void put_hex(const uint8_t *bytes)
{
	printf(" ");
	for (size_t i = 0; i < DOOR_SECRET; i++)
		printf("%02x", bytes[i]);
}

static void get_hex(const char *text, uint8_t *bytes)
{
	unsigned int byte;

	for (size_t i = 0; i < DOOR_SECRET && sscanf(text + 2 * i, "%2x", &byte) == 1; i++)
		bytes[i] = (uint8_t)byte;
}

static int knock(struct door_answer *ret)
{
	struct fabric_greeting hello, said;
	struct fabric_conn *c;
	int rc;

	door_put_knock(&hello);
	rc = fabric_connect(fabric, 0, &hello, clock_deadline(CALL_NS), &said, &c);
	if (rc == -ECONNREFUSED && said.len)
		rc = door_get_answer(&said, ret);
	if (rc)
		printf("refused %d\n", -rc);
	else
		printf("answer %d %u", (int)ret->code, ret->port);
	if (!rc) {
		put_hex(ret->token);
		put_hex(ret->proof);
		printf("\n");
	}
	fflush(stdout);
	return rc;
}

static int go(uint16_t port, const uint8_t *token, struct transport **t)
{
	struct fabric_greeting hello, said;
	struct fabric_conn *c;
	int rc;

	door_put_token(&hello, token);
	rc = fabric_connect(fabric, port, &hello, clock_deadline(CALL_NS), &said, &c);
	if (rc) {
		printf("refused %d\n", -rc);
		fflush(stdout);
		return rc;
	}
	printf("accepted");
	put_hex(said.data + 8);
	printf("\n");
	fflush(stdout);
	return fabric_stream_new(c, NULL, "opaed", t);
}

#define TELL_NS (100 * NS_PER_MS)

static int read_memory(char *argv[])
{
	struct fabric_remote far = { strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
				     strtoull(argv[3], NULL, 10) };
	struct fabric_move m = { .remote = &far, .len = far.len };
	struct fabric_greeting hello = { .len = DOOR_SECRET };
	unsigned char *to = malloc(far.len);
	struct fabric_conn *c = NULL;
	unsigned long times = 0;
	int64_t tell_at = 0;
	int rc;

	get_hex(argv[0], hello.data);
	rc = to ? fabric_connect(fabric, 0, &hello, clock_deadline(CALL_NS), NULL, &c) : -ENOMEM;
	if (!rc)
		rc = fabric_memory_add(fabric, to, far.len, FABRIC_OWN, &m.own);
	while (!rc) {
		rc = fabric_read(c, &m, clock_deadline(CALL_NS));
		times++;
		if (rc || clock_now_ns() < tell_at)
			continue;
		tell_at = clock_deadline(TELL_NS);
		if (printf("read %lu\n", times) < 0 || fflush(stdout))
			break;
	}
	fabric_conn_free(c);
	fabric_memory_remove(m.own);
	free(to);
	if (rc)
		printf("refused %d\n", -rc);
	return rc;
}

static int pump_out(struct transport *t)
{
	static unsigned char buf[65536];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	struct iovec iov = { buf, n > 0 ? (size_t)n : 0 };

	return n > 0 ? transport_send_all(t, &iov, 1, clock_deadline(CALL_NS)) : -EPIPE;
}

static int pump_in(struct transport *t)
{
	static unsigned char buf[65536];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n;

	while ((n = t->ops->recv(t, &iov, 1)) > 0)
		for (ssize_t at = 0, k; at < n; at += k) {
			k = send(STDIN_FILENO, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
			if (k < 0)
				return -errno;
		}
	return n == -EAGAIN ? 0 : (int)n;
}

static int pump(struct transport *t)
{
	int rc = 0;

	while (!rc) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

		if (poll(&p, 1, 0) > 0)
			rc = pump_out(t);
		if (!rc)
			rc = transport_wait_or_wake(t, 0, clock_deadline(NS_PER_S), STDIN_FILENO);
		rc = !rc ? pump_in(t) : rc == -EINTR || rc == -ETIMEDOUT ? 0 : rc;
	}
	shutdown(STDIN_FILENO, SHUT_RDWR);
	transport_free(t);
	return 0;
}

static int come(struct transport **t)
{
	struct door_answer a = { .code = DOOR_AGAIN };
	int64_t until = clock_deadline(3 * CALL_NS);
	int rc;

	while (!(rc = knock(&a)) && a.code == DOOR_AGAIN && clock_left_ms(until))
		clock_sleep_ns(AGAIN_NS);
	return rc ? rc : a.code != DOOR_COME ? -EACCES : go(a.port, a.token, t);
}

int main(int argc, char *argv[])
{
	uint8_t token[DOOR_SECRET] = { 0 };
	char why[FABRIC_WHY_MAX] = "";
	struct transport *t = NULL;
	struct door_answer a;
	struct address at;
	const char *wrong, *provider = getenv("RDMA_PUMP");
	int rc = 0;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || address_parse(argv[1], &at, &wrong) ||
	    fabric_open(provider ? provider : "tcp", &at, FABRIC_CLIENT, &fabric, why)) {
		fprintf(stderr, "rdma-pump: %s\n", why);
		return 2;
	}
	if (argc == 4 && !strcmp(argv[2], "knock")) {
		for (long i = strtol(argv[3], NULL, 10); i > 0 && !rc; i--)
			rc = knock(&a);
		return rc ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (argc == 7 && !strcmp(argv[2], "read"))
		return read_memory(argv + 3) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 5 && !strcmp(argv[2], "go"))
		get_hex(argv[4], token);
	rc = argc == 5 ? go((uint16_t)strtol(argv[3], NULL, 10), token, &t) : come(&t);
	if (!rc)
		rc = pump(t);
	fabric_close(fabric);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
