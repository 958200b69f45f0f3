/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS between two ends in one process: what goes through, and what becomes of a line that is bad. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "tests/unit/check.h"
#include "tests/unit/tls-ends.h"
#include "transport/loop.h"

/* ---- what goes through ---- */

static void says_who_it_is(void **state)
{
	static const struct {
		const char *stem, *principal;
	} cases[] = {
		{ "alice", "tls:spiffe://site/alice" },
		{ "mail", "tls:alice@site" },
		{ "dns", "tls:pc.site" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct transport *a, *b;
		char who[TLS_PEER_MAX];
		struct ends e;

		assert_int_equal(loop_pair(50000, &a, &b), 0);
		shake(&e, client(cases[i].stem), server("server"), a, b);
		assert_int_equal(e.server.rc, 1);
		assert_int_equal(tls_peer(e.server.t, who), 0);
		assert_string_equal(who, cases[i].principal);
		assert_int_equal(tls_peer(e.client.t, who), 0);
		assert_string_equal(who, "tls:card.site");
		send_text(e.client.t, "hello");
		expect_text(e.server.t, "hello");
		send_text(e.server.t, "welcome");
		expect_text(e.client.t, "welcome");
		transport_free(e.client.t);
		expect_end(e.server.t, -EPIPE, NULL);
		transport_free(e.server.t);
	}
}

#define BULK (1u << 20)

struct stream_job {
	struct transport *t;
	unsigned int seed;
	int rc;
};

static unsigned char byte_at(size_t i, unsigned int seed)
{
	return (unsigned char)(i * 7 + (i >> 8) + seed);
}

static void *send_bulk(void *arg)
{
	struct stream_job *j = arg;
	unsigned char *data = malloc(BULK);
	size_t at = 0, step = 1;

	for (size_t i = 0; i < BULK; i++)
		data[i] = byte_at(i, j->seed);
	for (; at < BULK && !j->rc; step = step * 3 + 1) {
		size_t n = step < BULK - at ? step : BULK - at, first = n / 3;
		struct iovec iov[4] = { { data + at, first },
					{ data, 0 },
					{ data + at + first, n - first } };

		j->rc = transport_send_all(j->t, iov, 3, SOON);
		at += n;
	}
	free(data);
	return NULL;
}

static void *get_bulk(void *arg)
{
	struct stream_job *j = arg;
	unsigned char *data = malloc(70000);
	size_t at = 0, want = 1;

	for (; at < BULK && !j->rc; want = want * 5 % 69997 + 1) {
		struct iovec iov[2] = { { data, want / 2 }, { data + want / 2, want - want / 2 } };
		ssize_t n = j->t->ops->recv(j->t, iov, 2);

		if (n == -EAGAIN)
			n = transport_wait(j->t, 0, SOON);
		if (n < 0)
			j->rc = (int)n;
		for (ssize_t i = 0; i < n; i++)
			if (data[i] != byte_at(at++, j->seed))
				j->rc = -EBADMSG;
	}
	free(data);
	return NULL;
}

/* Both ends send and receive at the same time, with new keys again and again. */
static void bulk_both_ways(struct ends *e)
{
	struct stream_job jobs[4] = {
		{ e->client.t, 1, 0 }, { e->server.t, 1, 0 }, { e->server.t, 2, 0 }, { e->client.t, 2, 0 }
	};
	pthread_t threads[4];

	((struct tls *)e->client.t)->rekey_after = 3;
	((struct tls *)e->server.t)->rekey_after = 7;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? get_bulk : send_bulk, &jobs[i]),
				 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(jobs[i].rc, 0);
	assert_in_range(((struct tls *)e->client.t)->records, 1, 4);
	assert_in_range(((struct tls *)e->server.t)->records, 1, 8);
	part(e);
}

static void bulk_over_a_loop(void **state)
{
	struct ends e;

	(void)state;
	over_loop(&e, 30000);
	bulk_both_ways(&e);
}

static void bulk_over_sockets(void **state)
{
	struct transport *a, *b;
	struct ends e;

	(void)state;
	sockets(&a, &b);
	shaken(&e, b, a);
	bulk_both_ways(&e);
}

static void goes_through_a_needle_eye(void **state)
{
	struct ends e;

	(void)state;
	over_loop(&e, 1);
	part(&e);
}

static void *send_once(void *arg)
{
	struct stream_job *j = arg;
	unsigned char *data = calloc(1, 60000);
	struct iovec iov = { data, 60000 };

	j->rc = transport_send_all(j->t, &iov, 1, SOON);
	free(data);
	return NULL;
}

/* Who has sent everything need not call again for the rest of it to leave. */
static void what_is_sent_has_left(void **state)
{
	struct transport *a, *b;
	struct stream_job job;
	char got[4096];
	size_t at = 0;
	pthread_t thread;
	struct ends e;

	(void)state;
	sockets(&a, &b);
	shaken(&e, b, a);
	job = (struct stream_job){ e.client.t, 0, 0 };
	assert_int_equal(pthread_create(&thread, NULL, send_once, &job), 0);
	while (at < 60000) {
		ssize_t n = get(e.server.t, got, sizeof(got));

		assert_true(n > 0);
		at += (size_t)n;
	}
	pthread_join(thread, NULL);
	assert_int_equal(job.rc, 0);
	part(&e);
}

/* What is decrypted already makes no descriptor readable. */
static void what_is_pending_is_not_forgotten(void **state)
{
	struct transport *a, *b;
	struct ends e;
	char got[8];

	(void)state;
	sockets(&a, &b);
	shaken(&e, b, a);
	assert_int_equal(send_text(e.client.t, "abcdef"), 0);
	assert_int_equal(send_text(e.client.t, "gh"), 0);
	assert_int_equal(get(e.server.t, got, 3), 3);
	assert_int_equal(
		sys_poll(&(struct pollfd){ .fd = e.server.t->ops->fd(e.server.t), .events = POLLIN }, 1, 0),
		0);
	assert_true(transport_pending(e.server.t));
	assert_int_equal(transport_wait(e.server.t, 0, SOON), 0);
	expect_text(e.server.t, "defgh");
	assert_int_equal(e.server.t->ops->recv(e.server.t, &(struct iovec){ got, 1 }, 1), -EAGAIN);
	assert_false(transport_pending(e.server.t));
	assert_int_equal(transport_wait(e.server.t, 0, clock_deadline(2 * NS_PER_MS)), -ETIMEDOUT);
	part(&e);
}

static void a_request_is_one_record(void **state)
{
	char text[] = "head body data";
	struct iovec iov[3] = { { text, 5 }, { text + 5, 5 }, { text + 10, 4 } };
	struct transport *a, *b;
	struct bent *bent;
	struct ends e;

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	bent = bent_new(a);
	shaken(&e, &bent->t, b);
	bent->sends = 0;
	bent->sent = 0;
	assert_int_equal(transport_send_all(e.client.t, iov, 3, SOON), 0);
	assert_int_equal(bent->sends, 1);
	assert_int_equal(bent->sent, 5 + 14 + 1 + 16); /* its head, the data, its kind, and the tag */
	expect_text(e.server.t, text);
	part(&e);
}

/* A client's HELLO may come together with the end of its handshake. */
static void data_behind_the_handshake_is_there(void **state)
{
	struct transport *a, *b;
	struct ends e;

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	end_start(&e.client, client("alice"), a);
	end_start(&e.server, server("server"), b);
	end_step(&e.client);
	end_step(&e.server);
	end_step(&e.client);
	assert_int_equal(e.client.rc, 1);
	assert_int_equal(send_text(e.client.t, "hello"), 0);
	end_step(&e.server);
	assert_int_equal(e.server.rc, 1);
	assert_true(transport_pending(e.server.t));
	expect_text(e.server.t, "hello");
	part(&e);
}

/* A peer may ask for new keys; it may not do so without end. */
static void key_updates_are_answered_and_counted(void **state)
{
	struct ends e;
	struct tls *c;
	char byte;
	ssize_t n;

	(void)state;
	over_loop(&e, 1u << 18);
	c = (struct tls *)e.client.t;
	assert_true(SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED));
	assert_int_equal(send_text(e.client.t, "one"), 0);
	expect_text(e.server.t, "one");
	assert_int_equal(send_text(e.server.t, "two"), 0);
	expect_text(e.client.t, "two");
	for (int i = 0; i < 8000; i++) {
		SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(c->ssl);
		tls_flush(c);
	}
	for (int64_t deadline = SOON;
	     (n = e.server.t->ops->recv(e.server.t, &(struct iovec){ &byte, 1 }, 1)) == -EAGAIN;)
		assert_true(clock_left_ms(deadline) > 0);
	assert_int_equal(n, -EPROTO);
	expect_end(e.server.t, -EPROTO, "without end");
	part(&e);
}

/* ---- a line that is cut or tampered with ---- */

static void a_cut_is_no_end(void **state)
{
	struct transport *a, *b;
	struct bent *bent;
	struct ends e;

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	bent = bent_new(a);
	shaken(&e, &bent->t, b);
	assert_int_equal(send_text(e.client.t, "whole"), 0);
	bent->room = 20;
	assert_int_equal(send_text(e.client.t, "cut within its record"), 0);
	transport_free(e.client.t);
	expect_text(e.server.t, "whole");
	expect_end(e.server.t, -EPIPE, "cut off");
	transport_free(e.server.t);
}

static void a_changed_byte_ends_it(void **state)
{
	static const size_t places[] = { 5, 7, 25 }; /* of the data, and of the tag */

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct transport *a, *b;
		struct bent *bent;
		struct ends e;

		assert_int_equal(loop_pair(50000, &a, &b), 0);
		bent = bent_new(a);
		shaken(&e, &bent->t, b);
		assert_int_equal(send_text(e.client.t, "fine"), 0);
		bent->flip = places[i];
		assert_int_equal(send_text(e.client.t, "tampered"), 0);
		expect_text(e.server.t, "fine");
		expect_end(e.server.t, -EBADMSG, "has changed it");
		assert_int_equal(send_text(e.server.t, "x"), -EBADMSG);
		expect_end(e.client.t, -EPROTO, "bad record mac");
		part(&e);
	}
}

static void shutdown_wakes_and_ends(void **state)
{
	struct transport *a, *b;
	struct ends e;

	(void)state;
	sockets(&a, &b);
	shaken(&e, b, a);
	e.client.t->ops->shutdown(e.client.t);
	assert_int_equal(transport_wait(e.client.t, 0, SOON), 0);
	expect_end(e.client.t, -EPIPE, NULL);
	assert_int_equal(send_text(e.client.t, "x"), -EPIPE);
	expect_end(e.server.t, -EPIPE, NULL);
	part(&e);
}

static void a_reload_leaves_sessions_alone(void **state)
{
	struct tls_context *old = server("server"), *fresh;
	struct transport *a, *b, *a2, *b2;
	struct ends e, e2;
	char who[TLS_PEER_MAX];

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, client("alice"), tls_context_ref(old), a, b);
	assert_int_equal(e.server.rc, 1);
	rig_issue(&site, &(struct rig_cert){ "server", "DNS:card.site,URI:spiffe://site/new", 0, RIG_DAY });
	fresh = server("server");
	tls_context_unref(old);
	assert_int_equal(loop_pair(50000, &a2, &b2), 0);
	shake(&e2, client("alice"), fresh, a2, b2);
	assert_int_equal(e2.server.rc, 1);
	assert_int_equal(tls_peer(e2.client.t, who), 0);
	assert_string_equal(who, "tls:spiffe://site/new");
	assert_int_equal(send_text(e.client.t, "still"), 0);
	expect_text(e.server.t, "still");
	part(&e);
	part(&e2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(says_who_it_is),
		RIGGED(bulk_over_a_loop),
		RIGGED(bulk_over_sockets),
		RIGGED(goes_through_a_needle_eye),
		RIGGED(what_is_sent_has_left),
		RIGGED(what_is_pending_is_not_forgotten),
		RIGGED(a_request_is_one_record),
		RIGGED(data_behind_the_handshake_is_there),
		RIGGED(key_updates_are_answered_and_counted),
		RIGGED(a_cut_is_no_end),
		RIGGED(a_changed_byte_ends_it),
		RIGGED(shutdown_wakes_and_ends),
		RIGGED(a_reload_leaves_sessions_alone),
	};

	return RUN(tests);
}
