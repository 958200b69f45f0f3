/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session is made with: the files, read by the syscall seam, for a worker in a sandbox opens nothing
 * by itself; and what we want of TLS.
 */
#include "transport/tls-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define FILE_MAX (1 << 20)
#define CHAIN_MAX 8 /* certificates between a peer's and the CA */

#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"

static int refuse(char *why, int rc, const char *path, const char *what)
{
	snprintf(why, TLS_WHY_MAX, "%s: %s", path, what);
	return rc;
}

/* ---- files ---- */

static int judge_file(int fd, const char *path, bool secret, size_t *len, char *why)
{
	struct stat st;
	int rc = sys_fstat(fd, &st);

	if (rc)
		return refuse(why, rc, path, strerror(-rc));
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX)
		return refuse(why, -EINVAL, path, "is no PEM file of 1 byte to 1 MiB");
	if (secret && st.st_mode & (S_IRWXO | S_IWGRP))
		return refuse(why, -EACCES, path,
			      "a key that others may read or its group write is none: chmod 600 it");
	*len = (size_t)st.st_size;
	return 0;
}

/* The file's contents for OpenSSL, in memory that is wiped when it is freed. */
static int read_file(const char *path, const char *what, bool secret, BIO **ret, char *why)
{
	CLEANUP_CLOSE int fd = -1;
	BIO *bio;
	size_t len, at = 0;
	char piece[4096];
	int rc;

	if (!path || !path[0])
		return refuse(why, -EINVAL, what, "is missing in the configuration of TLS");
	fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return refuse(why, fd, path,
			      fd == -ENOENT ? "there is no such file: make it, or correct "
					      "the path in the configuration of TLS"
					    : strerror(-fd));
	rc = judge_file(fd, path, secret, &len, why);
	if (rc)
		return rc;
	bio = BIO_new(secret ? BIO_s_secmem() : BIO_s_mem());
	while (bio && at < len) {
		ssize_t n = sys_pread(fd, piece, sizeof(piece), (off_t)at);

		if (n <= 0 || BIO_write(bio, piece, (int)n) != n)
			break;
		at += (size_t)n;
	}
	OPENSSL_cleanse(piece, sizeof(piece));
	if (!bio || at < len) {
		BIO_free(bio);
		return refuse(why, bio ? -EIO : -ENOMEM, path, "it cannot be read to its end");
	}
	*ret = bio;
	return 0;
}

/* The next certificate of a file; NULL at its end, and *rc is negative when that is not the end. */
static X509 *next_certificate(BIO *bio, int *rc)
{
	X509 *x;

	ERR_clear_error();
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	*rc = x || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0 : -EINVAL;
	ERR_clear_error();
	return x;
}

static int load_ca(struct tls_context *c, char *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
	BIO *bio;
	X509 *x;
	int n = 0, rc = read_file(c->ca, "\"ca\"", false, &bio, why);

	if (rc)
		return rc;
	for (; (x = next_certificate(bio, &rc)); n++) {
		if (!X509_STORE_add_cert(store, x) ||
		    (c->side == TLS_SERVER && !SSL_CTX_add_client_CA(c->ssl, x)))
			rc = -ENOMEM;
		X509_free(x);
		if (rc)
			break;
	}
	BIO_free(bio);
	if (!rc && n)
		return 0;
	return refuse(why, rc ? rc : -EINVAL, c->ca, "has no certificate of a CA in PEM, or a broken one");
}

static int load_crl(struct tls_context *c, char *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
	X509_CRL *crl;
	BIO *bio;
	int n = 0, rc = read_file(c->crl, "\"crl\"", false, &bio, why);
	bool added = true;

	if (rc)
		return rc;
	ERR_clear_error();
	for (; added && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)); n++) {
		added = X509_STORE_add_crl(store, crl);
		X509_CRL_free(crl);
	}
	if (!added || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		n = 0;
	ERR_clear_error();
	BIO_free(bio);
	if (!n)
		return refuse(why, -EINVAL, c->crl,
			      "has no list of revoked certificates in PEM, or a broken one");
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) ? 0 : -ENOMEM;
}

/* Is it a time at which the certificate may be shown? */
static int judge_dates(const X509 *x, const char *path, char *why)
{
	char at[32];

	if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0) {
		snprintf(why, TLS_WHY_MAX, "%s: the certificate has expired on %s: issue another", path,
			 tls_time_text(X509_get0_notAfter(x), at));
		return -EINVAL;
	}
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0) {
		snprintf(why, TLS_WHY_MAX,
			 "%s: the certificate is good from %s on: set this machine's clock, "
			 "or issue another",
			 path, tls_time_text(X509_get0_notBefore(x), at));
		return -EINVAL;
	}
	return 0;
}

static int load_certificate(struct tls_context *c, const char *path, char *why)
{
	BIO *bio;
	X509 *x;
	int n = 0, rc = read_file(path, "\"cert\"", false, &bio, why);

	if (rc)
		return rc;
	why[0] = '\0';
	while (!rc && n < CHAIN_MAX && (x = next_certificate(bio, &rc))) {
		rc = judge_dates(x, path, why);
		if (!rc && !(n++ ? SSL_CTX_add1_chain_cert(c->ssl, x) : SSL_CTX_use_certificate(c->ssl, x)))
			rc = -EINVAL;
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (!rc && n)
		return 0;
	return why[0] ? rc
		      : refuse(why, -EINVAL, path,
			       "has no certificate in PEM that OpenSSL takes "
			       "(at least 2048 bits of RSA, or P-256, with SHA-256)");
}

/* A key with a passphrase is not asked for it. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)ctx = true;
	return -1;
}

static int load_key(struct tls_context *c, const char *path, const char *cert, char *why)
{
	bool locked = false;
	EVP_PKEY *key;
	BIO *bio;
	int rc = read_file(path, "\"key\"", true, &bio, why);

	if (rc)
		return rc;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &locked);
	BIO_free(bio);
	if (!key) {
		rc = refuse(why, -EINVAL, path,
			    locked ? "the key has a passphrase: write it without one "
				     "(openssl pkey), for nobody is there to type it"
				   : "has no private key in PEM");
	} else if (!X509_check_private_key(SSL_CTX_get0_certificate(c->ssl), key)) {
		snprintf(why, TLS_WHY_MAX, "%s: the key is not that of the certificate in %s", path, cert);
		rc = -EINVAL;
	} else {
		c->key = key;
		return 0;
	}
	EVP_PKEY_free(key);
	ERR_clear_error();
	return rc;
}

/* ---- the server's name ---- */

#define NAME_FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

/* The certificate's alternative names, for people; "no name" when there are none. */
static void names_text(const X509 *x, char *out, size_t len)
{
	int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1), n = 0;
	BIO *bio = at < 0 ? NULL : BIO_new(BIO_s_mem());

	if (bio && X509V3_EXT_print(bio, X509_get_ext(x, at), 0, 0))
		n = BIO_read(bio, out, (int)len - 1);
	BIO_free(bio);
	if (n > 0)
		out[n] = '\0';
	else
		snprintf(out, len, "no name");
}

/* What clients with this name would refuse is refused here, where it can be mended. */
static int judge_name(const struct tls_context *c, const char *cert, char *why)
{
	X509 *x = SSL_CTX_get0_certificate(c->ssl);
	char names[128];

	if (c->side == TLS_CLIENT || !c->name || X509_check_ip_asc(x, c->name, 0) == 1 ||
	    X509_check_host(x, c->name, 0, NAME_FLAGS, NULL) == 1)
		return 0;
	names_text(x, names, sizeof(names));
	snprintf(why, TLS_WHY_MAX,
		 "%s: the certificate is not for \"%.100s\", as \"name\" says; it is for %s. Clients would "
		 "refuse it: issue one for that name, or correct \"name\"",
		 cert, c->name, names);
	return -EINVAL;
}

/* ---- TLS ---- */

static int set_name(struct tls_context *c, char *why)
{
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(c->ssl);

	if (c->side == TLS_SERVER)
		return 0;
	if (!c->name || !c->name[0])
		return refuse(why, -EINVAL, "\"name\"",
			      "is missing in the configuration of TLS: for whom must the server's "
			      "certificate be?");
	X509_VERIFY_PARAM_set_hostflags(p, NAME_FLAGS);
	if (X509_VERIFY_PARAM_set1_ip_asc(p, c->name) || X509_VERIFY_PARAM_set1_host(p, c->name, 0))
		return 0;
	return refuse(why, -EINVAL, c->name, "is neither a host name nor an IP address");
}

static int set_rules(struct tls_context *c, char *why)
{
	SSL_CTX *ssl = c->ssl;

	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, tls_verify, NULL);
	SSL_CTX_set_verify_depth(ssl, CHAIN_MAX);
	SSL_CTX_set_security_level(ssl, 2);
	/* Nothing outlives a connection: no tickets, no sessions to resume, no data before the handshake. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) &&
	    SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) && SSL_CTX_set_ciphersuites(ssl, SUITES) &&
	    SSL_CTX_set1_groups_list(ssl, GROUPS) && SSL_CTX_set_num_tickets(ssl, 0) &&
	    SSL_CTX_set_max_early_data(ssl, 0))
		return 0;
	return refuse(why, -ENOTSUP, "OpenSSL", "has no TLS 1.3 with these ciphers in its configuration");
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int fill(struct tls_context *c, const struct tls_config *config, char *why)
{
	int rc;

	c->ssl = SSL_CTX_new(c->side == TLS_SERVER ? TLS_server_method() : TLS_client_method());
	c->bio = tls_bio_method();
	c->ca = copy(config->ca);
	c->crl = copy(config->crl);
	c->name = copy(config->name);
	if (!c->ssl || !c->bio || (config->ca && !c->ca) || (config->crl && !c->crl) ||
	    (config->name && !c->name))
		return refuse(why, -ENOMEM, "TLS", "there is no memory for it");
	rc = set_rules(c, why);
	if (!rc)
		rc = set_name(c, why);
	if (!rc)
		rc = load_ca(c, why);
	if (!rc && c->crl)
		rc = load_crl(c, why);
	if (!rc)
		rc = load_certificate(c, config->cert, why);
	if (!rc)
		rc = load_key(c, config->key, config->cert, why);
	return rc ? rc : judge_name(c, config->cert, why);
}

/*
 * OpenSSL's own end at the process's exit comes before that of libraries, which close their connections then,
 * while threads may still be receiving. So it gets none from us; and should the program have wanted one
 * before, nothing is asked of OpenSSL any more from there on.
 */
static atomic_bool exiting;

static void at_exit(void)
{
	atomic_store(&exiting, true);
}

static void begin(void)
{
	OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
	atexit(at_exit);
}

bool tls_exiting(void)
{
	return atomic_load_explicit(&exiting, memory_order_relaxed);
}

int tls_context_new(const struct tls_config *config, enum tls_side side, struct tls_context **ret, char *why)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;
	struct tls_context *c = calloc(1, sizeof(*c));
	int rc;

	pthread_once(&begun, begin);

	if (!c)
		return refuse(why, -ENOMEM, "TLS", "there is no memory for it");
	atomic_init(&c->refs, 1);
	c->side = side;
	rc = fill(c, config, why);
	ERR_clear_error();
	if (rc) {
		tls_context_unref(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void tls_context_forget_key(struct tls_context *c)
{
	EVP_PKEY_free(c->key); /* which wipes it */
	c->key = NULL;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_context_unref(struct tls_context *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	SSL_CTX_free(c->ssl);
	EVP_PKEY_free(c->key);
	BIO_meth_free(c->bio);
	free(c->ca);
	free(c->crl);
	free(c->name);
	free(c);
}
