/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom TLS keeps out, and what it says of that: to the one side in words, to the other by an alert. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/unit/tls-ends.h"
#include "transport/loop.h"
#include "transport/stream.h"

/* ---- who is kept out ---- */

static void expect_refusal(const struct end *e, int rc, const char *word)
{
	if (e->rc != rc || !strstr(e->why, word))
		fail_msg("%d, \"%s\" instead of %d, \"%s\"", e->rc, e->why, rc, word);
}

static void refused_by_server(const char *stem, const char *crl, const char *word, const char *alert)
{
	struct transport *a, *b;
	struct ends e;

	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, client(stem), context(TLS_SERVER, "server", "site", crl, NULL), a, b);
	expect_refusal(&e.server, -EACCES, word);
	assert_int_equal(e.client.rc, 1); /* which learns of it later */
	expect_end(e.client.t, -EACCES, alert);
	transport_free(e.client.t);
}

static void strange_clients_are_refused(void **state)
{
	(void)state;
	refused_by_server("mallory", NULL, "CN=mallory is signed by no CA in", "unknown CA");
	refused_by_server("revoked", "site", "CN=revoked is revoked, says", "revoked");
	refused_by_server("alice", "old", "the list is too old", "TLS alert");
	refused_by_server("alice", "stranger", "has no list of the CA", "TLS alert");
	refused_by_server("nameless", NULL, "has no alternative name", "TLS alert");
	refused_by_server("address", NULL, "has no alternative name", "TLS alert");
	refused_by_server("nul", NULL, "has characters that it", "TLS alert");
	refused_by_server("control", NULL, "has characters that it", "TLS alert");
	refused_by_server("star", NULL, "has characters that it", "TLS alert");
	refused_by_server("posing", NULL, "has characters that it", "TLS alert");
}

static void refused_by_client(struct tls_context *cc, const char *stem, const char *word, const char *alert)
{
	struct transport *a, *b;
	struct ends e;

	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, cc, server(stem), a, b);
	expect_refusal(&e.client, -EACCES, word);
	expect_refusal(&e.server, -EACCES, alert);
}

static void strange_servers_are_refused(void **state)
{
	(void)state;
	refused_by_client(client("alice"), "other", "CN=other is not for the name card.site", "TLS alert");
	refused_by_client(client("alice"), "mallory", "signed by no CA",
			  "does not accept the certificate of this");
	refused_by_client(context(TLS_CLIENT, "alice", "site", NULL, "10.0.0.9"), "server",
			  "is not for the name 10.0.0.9", "TLS alert");
	refused_by_client(context(TLS_CLIENT, "alice", "site", "site", "card.site"), "revoked", "is revoked",
			  "revoked");
}

static void an_address_is_a_name(void **state)
{
	struct transport *a, *b;
	struct ends e;

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, context(TLS_CLIENT, "alice", "site", "site", "127.0.0.1"),
	      context(TLS_SERVER, "server", "site", "site", NULL), a, b);
	assert_int_equal(e.client.rc, 1);
	assert_int_equal(e.server.rc, 1);
	part(&e);
}

/* As of a clock that is wrong: our own would not be loaded. */
static void out_of_date(long now, const char *client_word, const char *server_word)
{
	struct transport *a, *b;
	struct ends e;
	struct tls_context *cc = client("alice"), *sc = server("short");

	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(cc->ssl), time(NULL) + now);
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, cc, sc, a, b);
	expect_refusal(&e.client, -EACCES, client_word);
	expect_refusal(&e.server, -EACCES, server_word);
	cc = client("alice");
	sc = server("server");
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(sc->ssl),
				   time(NULL) + (now < 0 ? now : 100 * RIG_DAY));
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	shake(&e, cc, sc, a, b);
	expect_refusal(&e.server, -EACCES, now < 0 ? "is good only from" : "CN=alice has expired on 2");
	expect_end(e.client.t, -EACCES, "TLS alert");
	transport_free(e.client.t);
}

static void dates_are_kept(void **state)
{
	(void)state;
	out_of_date(3 * RIG_DAY, "CN=short has expired on 2", "certificate expired");
	out_of_date(-RIG_DAY - 3600, "is good only from 2", "TLS alert");
}

/* ---- peers that are not ours ---- */

/* An end by bare OpenSSL, on a socket that does not block. */
struct bare {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static struct transport *bare_up(struct bare *b, bool is_server, int max, const char *stem)
{
	struct transport *t;
	int fds[2];

	b->ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	SSL_CTX_set_max_proto_version(b->ctx, max);
	if (stem) {
		assert_int_equal(
			SSL_CTX_use_certificate_file(b->ctx, rig_path(stem, ".pem"), SSL_FILETYPE_PEM), 1);
		assert_int_equal(
			SSL_CTX_use_PrivateKey_file(b->ctx, rig_path(stem, ".key"), SSL_FILETYPE_PEM), 1);
	}
	b->ssl = SSL_new(b->ctx);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	b->fd = fds[0];
	SSL_set_fd(b->ssl, b->fd);
	if (is_server)
		SSL_set_accept_state(b->ssl);
	else
		SSL_set_connect_state(b->ssl);
	assert_int_equal(stream_new(fds[1], "bare", &t), 0);
	return t;
}

static void bare_down(struct bare *b)
{
	SSL_free(b->ssl);
	SSL_CTX_free(b->ctx);
	close(b->fd);
	ERR_clear_error();
}

static void against_bare(bool bare_is_server, int max, const char *stem, int rc, const char *word)
{
	struct bare b;
	struct transport *t = bare_up(&b, bare_is_server, max, stem);
	int64_t deadline = SOON;
	struct end e;

	end_start(&e, bare_is_server ? client("alice") : server("server"), t);
	while (e.h) {
		SSL_do_handshake(b.ssl);
		end_step(&e);
		assert_true(clock_left_ms(deadline) > 0);
	}
	expect_refusal(&e, rc, word);
	bare_down(&b);
}

static void older_tls_is_refused(void **state)
{
	(void)state;
	against_bare(false, TLS1_2_VERSION, "alice", -EPROTO, "it has no TLS 1.3");
	against_bare(true, TLS1_2_VERSION, "server", -EPROTO, "it has no TLS 1.3");
}

static void a_client_without_certificate_is_refused(void **state)
{
	(void)state;
	against_bare(false, 0, NULL, -EACCES, "it shows no certificate");
}

static void clear_text_is_refused(void **state)
{
	unsigned char hello[64] = { 64, 0, 0, 0, 32, 0, 1, 0 };

	(void)state;
	for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
		struct iovec iov = { hello, sizeof(hello) };
		struct transport *a, *b, *t = NULL;
		char why[TLS_WHY_MAX];

		assert_int_equal(loop_pair(50000, &a, &b), 0);
		assert_int_equal(transport_send_all(a, &iov, 1, SOON), 0);
		{
			struct tls_context *c = side == TLS_SERVER ? server("server") : client("alice");

			assert_int_equal(tls_over(c, b, SOON, &t, why), -EPROTO);
			tls_context_unref(c);
		}
		if (!strstr(why, "loop: what it sends is not TLS"))
			fail_msg("%s", why);
		transport_free(a);
	}
}

static void who_hangs_up_is_told_of(void **state)
{
	struct tls_context *c = client("alice");
	struct transport *a, *b, *t = NULL;
	char why[TLS_WHY_MAX];

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	transport_free(a);
	assert_int_equal(tls_over(c, b, SOON, &t, why), -EPIPE);
	assert_non_null(strstr(why, "it has closed the connection during the TLS handshake"));
	tls_context_unref(c);
}

static void who_stops_half_way_is_not_waited_for(void **state)
{
	struct tls_context *sc = server("server");
	struct transport *a, *b, *t = NULL;
	char why[TLS_WHY_MAX];
	struct bent *bent;
	struct end e;

	(void)state;
	assert_int_equal(loop_pair(50000, &a, &b), 0);
	bent = bent_new(a);
	bent->room = 100;
	end_start(&e, client("alice"), &bent->t);
	end_step(&e);
	assert_int_equal(tls_over(sc, b, clock_deadline(30 * NS_PER_MS), &t, why), -ETIMEDOUT);
	assert_non_null(strstr(why, "was not done in time"));
	tls_context_unref(sc);
	tls_handshake_free(e.h);
}

/* ---- files ---- */

static void bad_config(const struct tls_config *config, enum tls_side side, int rc, const char *file,
		       const char *word)
{
	struct tls_context *c = NULL;
	char why[TLS_WHY_MAX] = "";
	int got = tls_context_new(config, side, &c, why);

	if (got != rc || c || strncmp(why, file, strlen(file)) != 0 || !strstr(why, word))
		fail_msg("%d, \"%s\" instead of %d, \"%s ... %s\"", got, why, rc, file, word);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static void bad_files_are_named(void **state)
{
	const struct tls_config good = { .ca = rig_path("site", ".pem"),
					 .cert = rig_path("alice", ".pem"),
					 .key = rig_path("alice", ".key"),
					 .name = "card.site" };
	const char *junk = rig_path("junk", ""), *none = rig_path("none", ""),
		   *mail = rig_path("mail", ".key");
	const struct {
		const char *ca, *cert, *key, *crl;
		int rc;
		const char *file, *word;
	} cases[] = {
		{ none, good.cert, good.key, NULL, -ENOENT, none, "there is no such file" },
		{ junk, good.cert, good.key, NULL, -EINVAL, junk, "a broken one" },
		{ "/tmp", good.cert, good.key, NULL, -EINVAL, "/tmp", "is no PEM file" },
		{ NULL, good.cert, good.key, NULL, -EINVAL, "\"ca\"", "is missing" },
		{ good.ca, good.cert, good.key, junk, -EINVAL, junk, "list of revoked" },
		{ good.ca, junk, good.key, NULL, -EINVAL, junk, "has no certificate" },
		{ good.ca, good.key, good.key, NULL, -EINVAL, good.key, "has no certificate" },
		{ good.ca, good.cert, junk, NULL, -EINVAL, junk, "has no private key" },
		{ good.ca, good.cert, mail, NULL, -EINVAL, mail, "is not that of the certificate in" },
	};

	(void)state;
	write_file(junk, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_config c = { cases[i].ca, cases[i].cert, cases[i].key, cases[i].crl, good.name };

		bad_config(&c, TLS_SERVER, cases[i].rc, cases[i].file, cases[i].word);
		bad_config(&c, TLS_CLIENT, cases[i].rc, cases[i].file, cases[i].word);
	}
}

static void a_client_needs_a_name(void **state)
{
	struct tls_config c = { .ca = rig_path("site", ".pem"),
				.cert = rig_path("alice", ".pem"),
				.key = rig_path("alice", ".key") };

	(void)state;
	bad_config(&c, TLS_CLIENT, -EINVAL, "\"name\"", "is missing");
	c.name = "";
	bad_config(&c, TLS_CLIENT, -EINVAL, "\"name\"", "is missing");
}

/* A server may have one, and then its certificate is for it as a client with that name would judge. */
static void the_name_of_a_server_is_judged(void **state)
{
	static const struct {
		const char *stem, *name, *word; /* NULL: it is good */
	} cases[] = {
		{ "server", "card.site", NULL },
		{ "server", "CARD.SITE", NULL },
		{ "server", "127.0.0.1", NULL },
		{ "server", "127.0.0.2", "is not for \"127.0.0.2\"" },
		{ "server", "fpga2.site", "is not for \"fpga2.site\"" },
		{ "server", "fpga2.site", "it is for DNS:card.site, IP Address:127.0.0.1" },
		{ "server", "not a name", "is not for \"not a name\"" },
		{ "nameless", "nameless", "it is for no name" }, /* its subject's does not count */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *cert = rig_path(cases[i].stem, ".pem");
		const struct tls_config c = { .ca = rig_path("site", ".pem"),
					      .cert = cert,
					      .key = rig_path(cases[i].stem, ".key"),
					      .name = cases[i].name };

		if (cases[i].word)
			bad_config(&c, TLS_SERVER, -EINVAL, cert, cases[i].word);
		else
			tls_context_unref(context(TLS_SERVER, cases[i].stem, "site", NULL, cases[i].name));
	}
}

static void keys_and_dates_are_judged(void **state)
{
	struct tls_config c = { .ca = rig_path("site", ".pem"),
				.cert = rig_path("alice", ".pem"),
				.key = rig_path("alice", ".key"),
				.name = "card.site" };

	(void)state;
	assert_int_equal(chmod(c.key, 0644), 0);
	bad_config(&c, TLS_CLIENT, -EACCES, c.key, "chmod 600");
	assert_int_equal(chmod(c.key, 0600), 0);
	rig_lock_key("alice", "a passphrase");
	bad_config(&c, TLS_CLIENT, -EINVAL, c.key, "the key has a passphrase");
	rig_issue(&site, &(struct rig_cert){ "alice", "DNS:a", -2 * RIG_DAY, -RIG_DAY });
	bad_config(&c, TLS_CLIENT, -EINVAL, c.cert, "has expired on 2");
	rig_issue(&site, &(struct rig_cert){ "alice", "DNS:a", RIG_DAY, 2 * RIG_DAY });
	bad_config(&c, TLS_CLIENT, -EINVAL, c.cert, "is good from 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(strange_clients_are_refused),
		RIGGED(strange_servers_are_refused),
		RIGGED(an_address_is_a_name),
		RIGGED(dates_are_kept),
		RIGGED(older_tls_is_refused),
		RIGGED(a_client_without_certificate_is_refused),
		RIGGED(clear_text_is_refused),
		RIGGED(who_hangs_up_is_told_of),
		RIGGED(who_stops_half_way_is_not_waited_for),
		RIGGED(bad_files_are_named),
		RIGGED(a_client_needs_a_name),
		RIGGED(the_name_of_a_server_is_judged),
		RIGGED(keys_and_dates_are_judged),
	};

	return RUN(tests);
}
