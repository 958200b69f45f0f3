/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/tls-ends.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/check.h"
#include "transport/loop.h"
#include "transport/stream.h"

struct rig_ca site, stranger;

static const struct rig_cert certificates[] = {
	{ "server", "DNS:card.site,IP:127.0.0.1", -RIG_DAY, 90 * RIG_DAY },
	{ "other", "DNS:other.site", -RIG_DAY, 90 * RIG_DAY },
	{ "alice", "DNS:pc.site,email:alice@site,URI:spiffe://site/alice", -RIG_DAY, 90 * RIG_DAY },
	{ "mail", "DNS:pc.site,email:alice@site", -RIG_DAY, 90 * RIG_DAY },
	{ "dns", "IP:10.0.0.1,DNS:pc.site,DNS:pc2.site", -RIG_DAY, 90 * RIG_DAY },
	{ "nameless", NULL, -RIG_DAY, 90 * RIG_DAY },
	{ "address", "IP:10.0.0.1", -RIG_DAY, 90 * RIG_DAY },
	{ "nul", "URI:spiffe://site/alice\1.evil,DNS:pc.site", -RIG_DAY, 90 * RIG_DAY },
	{ "control", "URI:spiffe://site/\033[2J", -RIG_DAY, 90 * RIG_DAY },
	{ "star", "DNS:*", -RIG_DAY, 90 * RIG_DAY },
	{ "posing", "DNS:spiffe://site/alice", -RIG_DAY, 90 * RIG_DAY },
	{ "revoked", "URI:spiffe://site/mallory,DNS:card.site", -RIG_DAY, 90 * RIG_DAY },
	{ "short", "DNS:card.site", -RIG_DAY, 2 * RIG_DAY },
};

int up(void **state)
{
	(void)state;
	rig_folder_up();
	rig_ca_new(&site, "site");
	rig_ca_new(&stranger, "stranger");
	rig_issue(&stranger, &(struct rig_cert){ "mallory", "URI:spiffe://site/alice", -RIG_DAY, RIG_DAY });
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
		long serial = rig_issue(&site, &certificates[i]);

		if (!strcmp(certificates[i].stem, "revoked"))
			rig_revoke(&site, "site", serial, RIG_DAY);
	}
	rig_revoke(&site, "old", 0, -RIG_DAY);
	rig_revoke(&stranger, "stranger", 0, RIG_DAY);
	return 0;
}

int down(void **state)
{
	(void)state;
	rig_ca_done(&site);
	rig_ca_done(&stranger);
	rig_folder_down();
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

struct tls_context *context(enum tls_side side, const char *stem, const char *ca, const char *crl,
			    const char *name)
{
	struct tls_config config = { .ca = rig_path(ca, ".pem"),
				     .cert = rig_path(stem, ".pem"),
				     .key = rig_path(stem, ".key"),
				     .name = name };
	struct tls_context *c = NULL;
	char why[TLS_WHY_MAX] = "";

	if (crl)
		config.crl = rig_path(crl, ".crl");
	if (tls_context_new(&config, side, &c, why))
		fail_msg("%s", why);
	return c;
}

struct tls_context *server(const char *stem)
{
	return context(TLS_SERVER, stem, "site", NULL, NULL);
}

struct tls_context *client(const char *stem)
{
	return context(TLS_CLIENT, stem, "site", NULL, "card.site");
}

void sockets(struct transport **a, struct transport **b)
{
	int fds[2], size = 4608;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(stream_new(fds[0], "server", a), 0);
	assert_int_equal(stream_new(fds[1], "client", b), 0);
}

void end_start(struct end *e, struct tls_context *c, struct transport *inner)
{
	*e = (struct end){ 0 };
	assert_int_equal(tls_handshake_start(c, inner, &e->h), 0);
	tls_context_unref(c);
}

void end_step(struct end *e)
{
	if (!e->h)
		return;
	e->rc = tls_handshake_step(e->h, &e->t);
	if (!e->rc)
		return;
	snprintf(e->why, sizeof(e->why), "%s", tls_handshake_why(e->h));
	tls_handshake_free(e->h);
	e->h = NULL;
}

void shake(struct ends *e, struct tls_context *cc, struct tls_context *sc, struct transport *ci,
	   struct transport *si)
{
	int64_t deadline = SOON;

	end_start(&e->client, cc, ci);
	end_start(&e->server, sc, si);
	while (e->client.h || e->server.h) {
		end_step(&e->client);
		end_step(&e->server);
		assert_true(clock_left_ms(deadline) > 0);
	}
}

void shaken(struct ends *e, struct transport *ci, struct transport *si)
{
	shake(e, client("alice"), server("server"), ci, si);
	if (e->client.rc != 1 || e->server.rc != 1)
		fail_msg("client: %s; server: %s", e->client.why, e->server.why);
}

void over_loop(struct ends *e, size_t room)
{
	struct transport *a, *b;

	assert_int_equal(loop_pair(room, &a, &b), 0);
	shaken(e, a, b);
}

void part(struct ends *e)
{
	transport_free(e->client.t);
	transport_free(e->server.t);
}

int send_text(struct transport *t, const char *text)
{
	char copy[64];
	struct iovec iov = { copy, strlen(text) };

	memcpy(copy, text, strlen(text));
	return transport_send_all(t, &iov, 1, SOON);
}

ssize_t get(struct transport *t, void *to, size_t len)
{
	struct iovec iov = { to, len };
	ssize_t n;

	while ((n = t->ops->recv(t, &iov, 1)) == -EAGAIN && !transport_wait(t, 0, SOON))
		;
	return n;
}

void expect_text(struct transport *t, const char *text)
{
	char got[64];
	size_t len = strlen(text), at = 0;

	while (at < len) {
		ssize_t n = get(t, got + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(got, text, len);
}

void expect_end(struct transport *t, int rc, const char *word)
{
	char byte, why[TLS_WHY_MAX];

	assert_int_equal(get(t, &byte, 1), rc);
	assert_int_equal(get(t, &byte, 1), rc); /* and it stays so */
	tls_why(t, why);
	if (word ? !strstr(why, word) : why[0] != '\0')
		fail_msg("\"%s\" instead of \"%s\"", why, word ? word : "");
}
