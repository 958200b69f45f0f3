/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake in steps, so that one thread can wait for many; and the whole of it. */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "transport/tls-internal.h"

#define ROUNDS 16 /* in one step */

struct tls_handshake {
	struct tls *s; /* until it is done */
	short events;
	int rc; /* a negative errno: it has failed */
	char why[TLS_WHY_MAX];
};

int tls_handshake_start(struct tls_context *c, struct transport *inner, struct tls_handshake **ret)
{
	struct tls_handshake *h = calloc(1, sizeof(*h));
	int rc;

	if (!h) {
		transport_free(inner);
		return -ENOMEM;
	}
	rc = tls_new(c, inner, &h->s);
	if (rc) {
		free(h);
		return rc;
	}
	h->events = c->side == TLS_CLIENT ? POLLOUT : POLLIN;
	*ret = h;
	return 0;
}

int tls_handshake_fd(const struct tls_handshake *h, short *events)
{
	*events = h->events;
	return h->s ? h->s->t.ops->fd(&h->s->t) : -1;
}

/* 1: OpenSSL is done; 0: it waits for more; a negative errno. */
static int work(struct tls *s)
{
	int r;
	SCOPED_LOCK(&s->ssl_lock);

	if (s->failed)
		return s->failed;
	ERR_clear_error();
	r = SSL_do_handshake(s->ssl);
	if (r == 1)
		return 1;
	if (SSL_get_error(s->ssl, r) == SSL_ERROR_WANT_READ)
		return 0;
	s->failed = tls_explain(s);
	return s->failed;
}

static int fail(struct tls_handshake *h, int rc)
{
	struct tls *s = h->s;

	if (s->failed)
		memcpy(h->why, s->why, sizeof(h->why));
	else if (rc == -EPIPE)
		snprintf(h->why, sizeof(h->why),
			 "%s: it has closed the connection during the TLS handshake: is "
			 "it without \"tls\" in its configuration?",
			 s->t.name);
	else
		snprintf(h->why, sizeof(h->why), "%s: TLS handshake: %s", s->t.name, strerror(-rc));
	h->rc = rc;
	return rc;
}

static int done(struct tls_handshake *h, struct transport **ret)
{
	SSL_certs_clear(h->s->ssl); /* it is not shown again */
	atomic_store(&h->s->more, true); /* data may have come behind the handshake */
	*ret = &h->s->t;
	h->s = NULL;
	return 1;
}

int tls_handshake_step(struct tls_handshake *h, struct transport **ret)
{
	if (h->rc || !h->s)
		return h->rc ? h->rc : -EINVAL;
	h->events = POLLIN;
	for (int i = 0; i < ROUNDS; i++) {
		int rc = work(h->s), sent = tls_flush(h->s);
		ssize_t n;

		if (rc < 0)
			return fail(h, rc);
		if (sent == -EAGAIN) {
			h->events = POLLOUT;
			return 0;
		}
		if (rc > 0 && !sent)
			return done(h, ret);
		n = tls_fill(h->s); /* after a send that failed, too: the reason may have come before */
		if (n == -EAGAIN)
			return sent ? fail(h, sent) : 0;
		if (n < 0)
			return fail(h, (int)n);
	}
	return 0;
}

const char *tls_handshake_why(const struct tls_handshake *h)
{
	return h->why;
}

void tls_handshake_free(struct tls_handshake *h)
{
	if (!h)
		return;
	tls_free(h->s);
	free(h);
}

/* Until it may go on. -ETIMEDOUT, -EHOSTDOWN. */
static int await(struct tls_handshake *h, int64_t deadline)
{
	const struct transport_ops *ops = h->s->t.ops;
	int64_t look = clock_deadline(NS_PER_S), until = deadline < look ? deadline : look;
	int nap, left = clock_left_ms(until);
	struct pollfd p;

	if (!clock_left_ms(deadline)) {
		snprintf(h->why, sizeof(h->why), "%s: the TLS handshake was not done in time", h->s->t.name);
		return -ETIMEDOUT;
	}
	nap = transport_poll_for(h->s->inner, h->events, &p);
	if (sys_poll(&p, 1, nap < left ? nap : left) > 0 || !ops->alive)
		return 0;
	return ops->alive(&h->s->t) < 0 ? fail(h, -EHOSTDOWN) : 0;
}

int tls_over(struct tls_context *c, struct transport *inner, int64_t deadline, struct transport **ret,
	     char *why)
{
	char name[TRANSPORT_NAME_MAX];
	struct tls_handshake *h;
	int rc;

	memcpy(name, inner->name, sizeof(name));
	rc = tls_handshake_start(c, inner, &h);
	if (rc) {
		if (why)
			snprintf(why, TLS_WHY_MAX, "%s: there is no memory for TLS", name);
		return rc;
	}
	while (!(rc = tls_handshake_step(h, ret)) && !(rc = await(h, deadline)))
		;
	if (rc < 0 && why)
		memcpy(why, h->why, TLS_WHY_MAX);
	tls_handshake_free(h);
	return rc < 0 ? rc : 0;
}
