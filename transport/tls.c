/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS as a transport. An SSL object is not safe for two threads, and here one may send while another
 * receives: so OpenSSL works on memory alone, with ssl_lock held, and the inner transport's calls are made
 * without that lock: a sender does not wait for a receiver's system call, nor a receiver for a sender's. What
 * OpenSSL has encrypted is put behind what is there already, in the order in which it did so (out_lock is
 * taken inside of ssl_lock), and sent from the front with out_lock alone; so the records' order holds
 * whoever sends them: the receiver, too, may have an alert or the answer to a key update to send.
 */
#include "transport/tls-internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/*
 * That one send encrypts, in one call of the inner transport: a frame's head and half of its 64 KiB, so that
 * the other end decrypts the one half while this one encrypts the other.
 */
#define RECORDS_AT_ONCE 3
#define OUT_MAX (1u << 18)
#define ROUNDS 16 /* of receiving without a byte of data, before the caller looks at its deadline */
/* A record has data, or is a short message to OpenSSL itself: who sends so much of the latter sends
 * nonsense. */
#define FRUITLESS_MAX (1u << 17)
/* AES-GCM is good for 2^24.5 records of full length under one key (RFC 8446, 5.5). */
#define REKEY_AFTER (1u << 23)

/* ---- OpenSSL's side: memory ---- */

static int out_append(struct tls *s, const char *data, size_t len)
{
	SCOPED_LOCK(&s->out_lock);

	if (len > OUT_MAX - s->out_len)
		return -ENOBUFS;
	if (s->out_at && s->out_at + s->out_len + len > s->out_room) {
		memmove(s->out, s->out + s->out_at, s->out_len);
		s->out_at = 0;
	}
	if (s->out_len + len > s->out_room) {
		size_t room = 2 * (s->out_len + len);
		unsigned char *out = realloc(s->out, room);

		if (!out)
			return -ENOMEM;
		s->out = out;
		s->out_room = room;
	}
	memcpy(s->out + s->out_at + s->out_len, data, len);
	s->out_len += len;
	return 0;
}

static int bio_write(BIO *b, const char *data, int len)
{
	BIO_clear_retry_flags(b);
	return len <= 0 || out_append(BIO_get_data(b), data, (size_t)len) ? -1 : len;
}

static int bio_read(BIO *b, char *to, int len)
{
	struct tls *s = BIO_get_data(b);
	size_t n = len > 0 ? (size_t)len : 0;

	BIO_clear_retry_flags(b);
	if (!s->in_len) {
		BIO_set_retry_read(b);
		return -1;
	}
	n = n < s->in_len ? n : s->in_len;
	memcpy(to, s->in + s->in_at, n);
	s->in_at += n;
	s->in_len -= n;
	return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "transport");

	if (m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- the inner transport's side ---- */

/* With out_lock. */
static int send_out(struct tls *s)
{
	while (s->out_len) {
		struct iovec iov = { s->out + s->out_at, s->out_len };
		ssize_t n = s->inner->ops->send(s->inner, &iov, 1);

		if (n < 0)
			return (int)n;
		s->out_at += (size_t)n;
		s->out_len -= (size_t)n;
	}
	s->out_at = 0;
	return 0;
}

int tls_flush(struct tls *s)
{
	SCOPED_LOCK(&s->out_lock);

	return send_out(s);
}

/* Unless a sender is at it, who came after whatever is there, and sends it along. */
static void flush_or_leave(struct tls *s)
{
	if (pthread_mutex_trylock(&s->out_lock))
		return;
	send_out(s);
	pthread_mutex_unlock(&s->out_lock);
}

ssize_t tls_fill(struct tls *s)
{
	struct iovec iov = { s->in, TLS_IN_ROOM };
	ssize_t n = s->inner->ops->recv(s->inner, &iov, 1);

	if (n > 0) {
		SCOPED_LOCK(&s->ssl_lock);
		s->in_at = 0;
		s->in_len = (size_t)n;
	}
	return n;
}

/* ---- sending ---- */

/* The next piece of at most a record, from byte `at` on, made one where it is several that are short. */
static const void *next_piece(struct tls *s, const struct iovec *iov, int iovs, size_t at, size_t *len)
{
	size_t n = 0;
	int i = 0;

	while (i < iovs && at >= iov[i].iov_len)
		at -= iov[i++].iov_len;
	*len = 0;
	if (i == iovs)
		return NULL;
	if (i == iovs - 1 || iov[i].iov_len - at >= TLS_RECORD || iov[i + 1].iov_len >= TLS_RECORD) {
		n = iov[i].iov_len - at;
		*len = n < TLS_RECORD ? n : TLS_RECORD;
		return (const char *)iov[i].iov_base + at;
	}
	for (; i < iovs && n < TLS_RECORD; i++, at = 0) {
		size_t part = iov[i].iov_len - at;

		if (!part)
			continue;
		part = part < TLS_RECORD - n ? part : TLS_RECORD - n;
		memcpy(s->scratch + n, (const char *)iov[i].iov_base + at, part);
		n += part;
	}
	*len = n;
	return s->scratch;
}

/* Encrypts a record. Its bytes, or a negative errno. With ssl_lock. */
static ssize_t seal(struct tls *s, const void *data, size_t len)
{
	size_t n;

	if (s->records++ >= s->rekey_after && SSL_key_update(s->ssl, SSL_KEY_UPDATE_NOT_REQUESTED))
		s->records = 0;
	ERR_clear_error();
	if (SSL_write_ex(s->ssl, data, len, &n))
		return (ssize_t)n;
	if (SSL_get_error(s->ssl, 0) == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	s->failed = tls_explain(s);
	return s->failed;
}

/* Encrypts what there is, up to some records. Bytes taken, or a negative errno. */
static ssize_t seal_some(struct tls *s, const struct iovec *iov, int iovs)
{
	size_t done = 0;
	SCOPED_LOCK(&s->ssl_lock);

	if (s->failed)
		return s->failed;
	for (int i = 0; i < RECORDS_AT_ONCE; i++) {
		size_t len;
		const void *piece = next_piece(s, iov, iovs, done, &len);
		ssize_t n = len ? seal(s, piece, len) : 0;

		if (n < 0 && !done)
			return n;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/*
 * Bytes are told to be taken when they have left: else who has sent everything would have to be called
 * again for what is still in `out`.
 */
static ssize_t tls_send(struct transport *t, const struct iovec *iov, int iovs)
{
	struct tls *s = (struct tls *)t;
	ssize_t n = (ssize_t)s->taken;
	int rc = tls_exiting() ? -EPIPE : tls_flush(s);

	if (rc)
		return rc;
	if (!n)
		n = seal_some(s, iov, iovs);
	if (n ==
	    -EAGAIN) /* a message to OpenSSL itself has come in half, and poll for room would not wait */
		clock_sleep_ns(NS_PER_MS);
	rc = tls_flush(s);
	s->taken = rc == -EAGAIN && n > 0 ? (size_t)n : 0;
	return n > 0 && rc ? rc : n;
}

/* ---- receiving ---- */

/* Decrypts into the iov. Bytes; *more: there may be another without receiving any more. With ssl_lock. */
static size_t open_some(struct tls *s, const struct iovec *iov, int iovs, bool *more)
{
	size_t got = 0, at = 0, n;
	int i = 0;

	while (i < iovs) {
		if (at == iov[i].iov_len) {
			i++;
			at = 0;
			continue;
		}
		ERR_clear_error();
		if (!SSL_read_ex(s->ssl, (char *)iov[i].iov_base + at, iov[i].iov_len - at, &n))
			break;
		at += n;
		got += n;
		if (!s->in_len && !SSL_pending(s->ssl)) { /* what OpenSSL still has is no whole record */
			*more = false;
			return got;
		}
	}
	*more = i == iovs && (s->in_len || SSL_pending(s->ssl));
	if (i == iovs)
		return got;
	switch (SSL_get_error(s->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return got;
	case SSL_ERROR_ZERO_RETURN:
		s->ended = -EPIPE;
		break;
	default:
		s->failed = tls_explain(s);
	}
	*more = true;
	return got;
}

/* Bytes that were there; 0: some must be received first; a negative errno. */
static ssize_t recv_known(struct tls *s, const struct iovec *iov, int iovs)
{
	size_t got;
	bool more;
	SCOPED_LOCK(&s->ssl_lock);

	if (s->failed || s->ended)
		return s->failed ? s->failed : s->ended;
	got = open_some(s, iov, iovs, &more);
	atomic_store(&s->more, more);
	return got ? (ssize_t)got : s->failed ? s->failed : s->ended;
}

/* Nothing is received any more. */
static ssize_t cut_off(struct tls *s, int rc, const char *why)
{
	SCOPED_LOCK(&s->ssl_lock);

	if (!s->failed && !s->ended) {
		s->ended = rc;
		snprintf(s->why, sizeof(s->why), "%s: %s", s->t.name, why);
	}
	atomic_store(&s->more, true);
	return rc;
}

static ssize_t tls_recv(struct transport *t, const struct iovec *iov, int iovs)
{
	struct tls *s = (struct tls *)t;
	ssize_t n;

	for (int i = 0; i < ROUNDS; i++) {
		if (tls_exiting())
			return -EPIPE;
		if (atomic_load(&s->more)) {
			n = recv_known(s, iov, iovs);
			flush_or_leave(s); /* what it answers */
			if (n > 0)
				s->fruitless = 0;
			if (n)
				return n;
		}
		if (s->fruitless > FRUITLESS_MAX)
			return cut_off(s, -EPROTO, "it sends without end what is no data");
		n = tls_fill(s);
		if (n == -EPIPE)
			return cut_off(s, -EPIPE, "the connection was cut off: TLS's own end is missing");
		if (n < 0)
			return n == -EAGAIN ? n : cut_off(s, (int)n, strerror((int)-n));
		s->fruitless += (size_t)n;
		atomic_store(&s->more, true);
	}
	return -EAGAIN;
}

/* ---- the rest ---- */

static bool tls_pending(const struct transport *t)
{
	const struct tls *s = (const struct tls *)t;

	return atomic_load(&s->more) || transport_pending(s->inner);
}

static int tls_fd(const struct transport *t)
{
	const struct transport *inner = ((const struct tls *)t)->inner;

	return inner->ops->fd(inner);
}

static int tls_wait(struct transport *t, short events, int64_t spin_until, int64_t deadline, int wake_fd)
{
	struct tls *s = (struct tls *)t;

	if (events & POLLIN && atomic_load(&s->more))
		return POLLIN;
	return s->inner->ops->wait(s->inner, events, spin_until, deadline, wake_fd);
}

static bool tls_may_sleep(struct transport *t)
{
	struct tls *s = (struct tls *)t;

	return !atomic_load(&s->more) && s->inner->ops->may_sleep(s->inner);
}

static int tls_alive(struct transport *t)
{
	struct transport *inner = ((struct tls *)t)->inner;

	return inner->ops->alive ? inner->ops->alive(inner) : 0;
}

/* The end is said as far as there is room for it. */
static void say_end(struct tls *s)
{
	{
		SCOPED_LOCK(&s->ssl_lock);
		ERR_clear_error();
		if (!s->failed && SSL_is_init_finished(s->ssl) &&
		    !(SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN))
			SSL_shutdown(s->ssl);
		ERR_clear_error();
		if (!s->failed)
			s->failed = -EPIPE;
		atomic_store(&s->more, true);
	}
	tls_flush(s);
}

static void tls_shutdown(struct transport *t)
{
	struct tls *s = (struct tls *)t;

	if (!tls_exiting())
		say_end(s);
	s->inner->ops->shutdown(s->inner);
}

/* At the process's exit: what is OpenSSL's stays, and can be found by who looks for lost memory. */
static void leave(struct tls *s)
{
	static struct tls *_Atomic left;

	transport_free(s->inner);
	s->inner = NULL;
	s->left = atomic_exchange(&left, s);
}

void tls_free(struct tls *s)
{
	if (!s)
		return;
	if (tls_exiting()) {
		leave(s);
		return;
	}
	if (s->ssl)
		say_end(s);
	SSL_free(s->ssl);
	transport_free(s->inner);
	tls_context_unref(s->ctx);
	pthread_mutex_destroy(&s->ssl_lock);
	pthread_mutex_destroy(&s->out_lock);
	free(s->scratch);
	free(s->out);
	free(s->in);
	free(s);
}

static void tls_transport_free(struct transport *t)
{
	tls_free((struct tls *)t);
}

/* Another thread of the parent may have held the locks: nothing but the descriptor is touched. */
static void tls_forget(struct transport *t)
{
	transport_forget(((struct tls *)t)->inner);
}

#define TLS_OPS \
	.send = tls_send, .recv = tls_recv, .fd = tls_fd, .pending = tls_pending, .shutdown = tls_shutdown, \
	.free = tls_transport_free, .forget = tls_forget
static const struct transport_ops tls_ops = { TLS_OPS };
static const struct transport_ops tls_ops_alive = { TLS_OPS, .alive = tls_alive };
static const struct transport_ops tls_ops_driven = { TLS_OPS, .alive = tls_alive, .wait = tls_wait,
						     .may_sleep = tls_may_sleep };

static bool is_tls(const struct transport *t)
{
	return t->ops == &tls_ops || t->ops == &tls_ops_alive || t->ops == &tls_ops_driven;
}

static int make_ssl(struct tls *s)
{
	BIO *bio;

	s->ssl = SSL_new(s->ctx->ssl);
	bio = s->ssl ? BIO_new(s->ctx->bio) : NULL;
	if (!bio)
		return -ENOMEM;
	if (!s->ctx->key || !SSL_use_PrivateKey(s->ssl, s->ctx->key)) {
		BIO_free(bio);
		return -ENOKEY;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	SSL_set_app_data(s->ssl, s);
	if (s->ctx->side == TLS_SERVER)
		SSL_set_accept_state(s->ssl);
	else
		SSL_set_connect_state(s->ssl);
	return 0;
}

int tls_new(struct tls_context *c, struct transport *inner, struct tls **ret)
{
	struct tls *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		transport_free(inner);
		return -ENOMEM;
	}
	s->t.ops = inner->ops->wait ? &tls_ops_driven : inner->ops->alive ? &tls_ops_alive : &tls_ops;
	memcpy(s->t.name, inner->name, sizeof(s->t.name));
	s->inner = inner;
	s->ctx = tls_context_ref(c);
	s->rekey_after = REKEY_AFTER;
	pthread_mutex_init(&s->ssl_lock, NULL);
	pthread_mutex_init(&s->out_lock, NULL);
	s->in = malloc(TLS_IN_ROOM);
	s->scratch = malloc(TLS_RECORD);
	rc = s->in && s->scratch ? make_ssl(s) : -ENOMEM;
	ERR_clear_error();
	if (rc) {
		tls_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

int tls_peer(const struct transport *t, char out[TLS_PEER_MAX])
{
	const struct tls *s = (const struct tls *)t;

	if (!is_tls(t))
		return -EINVAL;
	if (!s->peer[0])
		return -ENODATA;
	memcpy(out, s->peer, TLS_PEER_MAX);
	return 0;
}

void tls_why(struct transport *t, char out[TLS_WHY_MAX])
{
	struct tls *s = (struct tls *)t;

	out[0] = '\0';
	if (!is_tls(t))
		return;
	SCOPED_LOCK(&s->ssl_lock);
	memcpy(out, s->why, TLS_WHY_MAX);
}
