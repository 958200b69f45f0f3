/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS over a fabric's stream, by provider tcp over the loopback: all that is driven passes through it. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/fabric-rig.h"
#include "tests/unit/tls-ends.h"
#include "transport/fabric-stream.h"

static struct fabric_rig rig;

static struct transport *stream_of(struct fabric_end *end, const char *name)
{
	struct transport *t = NULL;

	assert_int_equal(fabric_stream_new(end->conn, NULL, name, &t), 0);
	end->conn = NULL;
	return t;
}

static int up_both(void **state)
{
	rig_connect(&rig);
	return up(state);
}

static int down_both(void **state)
{
	rig_free(&rig);
	return down(state);
}

struct side {
	struct tls_context *context;
	struct transport *t; /* what it is over; then what came of it; NULL: nothing */
	int rc;
	char why[TLS_WHY_MAX];
};

static void *shake_hands(void *arg)
{
	struct side *s = arg;

	s->rc = tls_over(s->context, s->t, SOON, &s->t, s->why);
	if (s->rc)
		s->t = NULL;
	tls_context_unref(s->context);
	return NULL;
}

static void both(struct side *c, struct side *s)
{
	pthread_t t;

	c->t = stream_of(&rig.client, "server");
	s->t = stream_of(&rig.server, "client");
	assert_int_equal(thread_start(&t, NULL, shake_hands, s), 0);
	shake_hands(c);
	pthread_join(t, NULL);
}

static void part_sides(struct side *c, struct side *s)
{
	transport_free(c->t);
	transport_free(s->t);
}

#define BULK ((size_t)1 << 20)

struct echo {
	struct transport *t;
	int rc;
};

static void *echo(void *arg)
{
	static unsigned char data[BULK];
	struct echo *e = arg;
	struct iovec iov = { data, 0 };

	while (iov.iov_len < BULK) {
		ssize_t n = get(e->t, data + iov.iov_len, BULK - iov.iov_len);

		if (n <= 0)
			return NULL;
		iov.iov_len += (size_t)n;
	}
	e->rc = transport_send_all(e->t, &iov, 1, SOON);
	return NULL;
}

static void carries_bytes_both_ways(void **state)
{
	static unsigned char out[BULK], in[BULK];
	struct side c = { .context = client("alice") }, s = { .context = server("server") };
	struct iovec iov = { out, BULK };
	struct echo e;
	char peer[TLS_PEER_MAX];
	pthread_t t;

	(void)state;
	both(&c, &s);
	if (c.rc || s.rc)
		fail_msg("client: %s; server: %s", c.why, s.why);
	assert_int_equal(tls_peer(s.t, peer), 0);
	assert_string_equal(peer, "tls:spiffe://site/alice");
	for (size_t i = 0; i < BULK; i++)
		out[i] = (unsigned char)(i * 7 + (i >> 8));
	e = (struct echo){ s.t, -1 };
	assert_int_equal(thread_start(&t, NULL, echo, &e), 0);
	assert_int_equal(transport_send_all(c.t, &iov, 1, SOON), 0);
	for (size_t at = 0; at < BULK;) {
		ssize_t n = get(c.t, in + at, BULK - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	pthread_join(t, NULL);
	assert_int_equal(e.rc, 0);
	assert_memory_equal(in, out, BULK);
	part_sides(&c, &s);
}

/* A record of which a part was read: nothing comes from the other end any more, and one need not wait. */
static void what_was_decrypted_is_pending(void **state)
{
	struct side c = { .context = client("alice") }, s = { .context = server("server") };
	struct pollfd p;
	char byte;

	(void)state;
	both(&c, &s);
	assert_int_equal(send_text(c.t, "two"), 0);
	assert_int_equal(get(s.t, &byte, 1), 1);
	assert_true(transport_pending(s.t));
	assert_int_equal(transport_poll_for(s.t, POLLIN, &p), 0);
	assert_int_equal(transport_wait(s.t, 0, clock_now_ns()), 0);
	expect_text(s.t, "wo");
	assert_int_equal(s.t->ops->recv(s.t, &(struct iovec){ &byte, 1 }, 1), -EAGAIN);
	assert_int_equal(transport_wait(s.t, 0, clock_deadline(NS_PER_MS)), -ETIMEDOUT);
	part_sides(&c, &s);
}

static void the_orderly_end_is_told_apart(void **state)
{
	struct side c = { .context = client("alice") }, s = { .context = server("server") };

	(void)state;
	both(&c, &s);
	assert_int_equal(send_text(c.t, "bye"), 0);
	transport_free(c.t);
	c.t = NULL;
	expect_text(s.t, "bye");
	expect_end(s.t, -EPIPE, NULL);
	part_sides(&c, &s);
}

/* The server says why; the client hears of it behind its own part of the handshake. */
static void a_stranger_is_refused_with_the_reason(void **state)
{
	struct side c = { .context = context(TLS_CLIENT, "mallory", "site", NULL, "card.site") };
	struct side s = { .context = server("server") };
	char byte;

	(void)state;
	both(&c, &s);
	assert_int_equal(s.rc, -EACCES);
	assert_non_null(strstr(s.why, "client: "));
	assert_int_equal(c.rc, 0);
	assert_int_equal(get(c.t, &byte, 1), -EACCES);
	tls_why(c.t, c.why);
	assert_non_null(strstr(c.why, "does not accept the certificate of this side"));
	part_sides(&c, &s);
}

static void the_wrong_server_is_refused_with_the_reason(void **state)
{
	struct side c = { .context = client("alice") }, s = { .context = server("other") };

	(void)state;
	both(&c, &s);
	assert_int_equal(c.rc, -EACCES);
	assert_non_null(strstr(c.why, "card.site"));
	assert_int_equal(s.rc, -EACCES);
	part_sides(&c, &s);
}

static void a_silent_client_costs_the_deadline(void **state)
{
	struct tls_context *context = server("server");
	struct transport *t = stream_of(&rig.server, "client");
	int64_t begun = clock_now_ns();
	char why[TLS_WHY_MAX] = "";

	(void)state;
	assert_int_equal(tls_over(context, t, clock_deadline(60 * NS_PER_MS), &t, why), -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= 60 * NS_PER_MS);
	assert_string_equal(why, "client: the TLS handshake was not done in time");
	tls_context_unref(context);
}

#define RIGGED_BOTH(t) cmocka_unit_test_setup_teardown(t, up_both, down_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED_BOTH(carries_bytes_both_ways),
		RIGGED_BOTH(what_was_decrypted_is_pending),
		RIGGED_BOTH(the_orderly_end_is_told_apart),
		RIGGED_BOTH(a_stranger_is_refused_with_the_reason),
		RIGGED_BOTH(the_wrong_server_is_refused_with_the_reason),
		RIGGED_BOTH(a_silent_client_costs_the_deadline),
	};

	return RUN(tests);
}
