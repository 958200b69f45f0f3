/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of TLS share. */
#ifndef TRANSPORT_TLS_INTERNAL_H
#define TRANSPORT_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "transport/tls.h"

#define TLS_RECORD 16384u /* bytes of data that a record holds at most */
#define TLS_IN_ROOM (65536u + 4096u) /* a frame of 64 KiB, with its head and what TLS adds */

struct tls_context {
	atomic_uint refs;
	enum tls_side side;
	SSL_CTX *ssl;  /* without the key, which each SSL gets, and loses when it has shaken hands */
	EVP_PKEY *key; /* NULL: forgotten */
	BIO_METHOD *bio;
	char *ca, *crl, *name; /* for messages; name is also what is checked */
};

struct tls {
	struct transport t;
	struct transport *inner;
	struct tls_context *ctx;

	/* Guards ssl, failed, ended, why, in_at and in_len. Before out_lock, when both are held. */
	pthread_mutex_t ssl_lock;
	SSL *ssl;
	int failed;	       /* a negative errno: nothing is sent or received any more */
	int ended;	       /* a negative errno: nothing is received any more */
	char why[TLS_WHY_MAX]; /* of the one or the other */
	size_t in_at, in_len;
	unsigned char *in; /* received and not yet decrypted; filled by the receiver while in_len is 0 */

	/* Guards what is encrypted and not yet sent, and the inner transport's send. */
	pthread_mutex_t out_lock;
	unsigned char *out;
	size_t out_at, out_len, out_room;

	/* The sender's. */
	size_t taken;	      /* bytes in `out` that the caller has not been told of */
	unsigned int records; /* since the key was new */
	unsigned int rekey_after;
	unsigned char *scratch;

	size_t fruitless; /* the receiver's: bytes received since there was data in them */
	atomic_bool more; /* recv may have something even if the inner transport has not */
	char peer[TLS_PEER_MAX];
	struct tls *left; /* behind at the process's exit */
};

/* tls-context.c: is the process at its exit, so that OpenSSL must be let alone? */
bool tls_exiting(void);

/* tls.c: takes `inner` over, also on failure. */
int tls_new(struct tls_context *c, struct transport *inner, struct tls **ret);
BIO_METHOD *tls_bio_method(void);
void tls_free(struct tls *s);
/* Sends what is encrypted. 0: all of it; -EAGAIN; another negative errno. */
int tls_flush(struct tls *s);
/* Receives when there is nothing to decrypt: bytes, or as the inner transport says. */
ssize_t tls_fill(struct tls *s);

/* tls-verify.c: for SSL_CTX_set_cert_verify_callback(); fills why and peer of the struct tls. */
int tls_verify(X509_STORE_CTX *x, void *arg);
/* "2026-01-31 12:00:00 UTC" */
const char *tls_time_text(const ASN1_TIME *at, char out[32]);

/* tls-why.c: what made an operation fail, into why; its errno. With ssl_lock; empties OpenSSL's queue. */
int tls_explain(struct tls *s);

#endif
