/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/tls-rig.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

static char folder[40];
static long serials = 100;

void rig_folder_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/opae-tls.XXXXXX");
	assert_non_null(mkdtemp(folder));
}

void rig_folder_down(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(folder), 0);
}

const char *rig_path(const char *stem, const char *suffix)
{
	static char paths[8][120];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s%s", folder, stem, suffix);
	return path;
}

static FILE *file(const char *stem, const char *suffix)
{
	FILE *f = fopen(rig_path(stem, suffix), "w");

	assert_non_null(f);
	return f;
}

static X509 *blank(const char *name, long from, long to)
{
	X509 *x = X509_new();

	assert_non_null(x);
	assert_true(X509_set_version(x, 2));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x), ++serials));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), from));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), to));
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
					       (const unsigned char *)name, -1, -1, 0));
	return x;
}

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_true(X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

void rig_ca_new(struct rig_ca *ca, const char *name)
{
	FILE *f = file(name, ".pem");

	ca->key = EVP_EC_gen("P-256");
	assert_non_null(ca->key);
	ca->cert = blank(name, -RIG_DAY, 365 * RIG_DAY);
	assert_true(X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)));
	assert_true(X509_set_pubkey(ca->cert, ca->key));
	extend(ca->cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	assert_true(X509_sign(ca->cert, ca->key, EVP_sha256()) > 0);
	assert_true(PEM_write_X509(f, ca->cert));
	fclose(f);
}

void rig_ca_done(struct rig_ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
}

static void add_name(GENERAL_NAMES *names, const char *text, size_t len)
{
	static const struct {
		const char *prefix;
		int type;
	} kinds[] = {
		{ "URI:", GEN_URI }, { "DNS:", GEN_DNS }, { "email:", GEN_EMAIL }, { "IP:", GEN_IPADD }
	};
	GENERAL_NAME *n = GENERAL_NAME_new();
	char value[400];

	for (size_t i = 0; i < 4; i++) {
		size_t skip = strlen(kinds[i].prefix);
		ASN1_STRING *s;

		if (strncmp(text, kinds[i].prefix, skip))
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)(len - skip), text + skip);
		if (kinds[i].type == GEN_IPADD) {
			s = a2i_IPADDRESS(value);
		} else {
			for (size_t b = 0; b < len - skip; b++)
				if (value[b] == 1)
					value[b] = 0;
			s = ASN1_IA5STRING_new();
			assert_true(ASN1_STRING_set(s, value, (int)(len - skip)));
		}
		assert_non_null(s);
		GENERAL_NAME_set0_value(n, kinds[i].type, s);
		assert_true(sk_GENERAL_NAME_push(names, n));
		return;
	}
	fail_msg("%s is no alternative name", text);
}

static void add_names(X509 *x, const char *text)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	while (*text) {
		size_t len = strcspn(text, ",");

		add_name(names, text, len);
		text += len + (text[len] == ',');
	}
	assert_true(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0));
	GENERAL_NAMES_free(names);
}

long rig_issue(const struct rig_ca *ca, const struct rig_cert *what)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = blank(what->stem, what->from, what->to);
	FILE *f = file(what->stem, ".pem");

	assert_non_null(key);
	assert_true(X509_set_issuer_name(x, X509_get_subject_name(ca->cert)));
	assert_true(X509_set_pubkey(x, key));
	if (what->san)
		add_names(x, what->san);
	assert_true(X509_sign(x, ca->key, EVP_sha256()) > 0);
	assert_true(PEM_write_X509(f, x));
	fclose(f);
	f = file(what->stem, ".key");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
	fclose(f);
	EVP_PKEY_free(key);
	X509_free(x);
	return serials;
}

void rig_lock_key(const char *stem, const char *passphrase)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f = file(stem, ".key");

	assert_non_null(key);
	assert_true(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(), passphrase, (int)strlen(passphrase),
					      NULL, NULL));
	fclose(f);
	EVP_PKEY_free(key);
}

void rig_revoke(const struct rig_ca *ca, const char *name, long serial, long to)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * RIG_DAY), *until = X509_gmtime_adj(NULL, to);
	FILE *f = file(name, ".crl");

	assert_true(X509_CRL_set_version(crl, 1));
	assert_true(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)));
	assert_true(X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until));
	if (serial) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *n = ASN1_INTEGER_new();

		assert_true(ASN1_INTEGER_set(n, serial) && X509_REVOKED_set_serialNumber(r, n) &&
			    X509_REVOKED_set_revocationDate(r, from));
		assert_true(X509_CRL_add0_revoked(crl, r));
		ASN1_INTEGER_free(n);
	}
	assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
	assert_true(PEM_write_X509_CRL(f, crl));
	fclose(f);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
}

/* ---- a transport that bends what it is given ---- */

static size_t total(const struct iovec *iov, int iovs)
{
	size_t n = 0;

	for (int i = 0; i < iovs; i++)
		n += iov[i].iov_len;
	return n;
}

static ssize_t bent_send(struct transport *t, const struct iovec *iov, int iovs)
{
	struct bent *b = (struct bent *)t;
	size_t len = total(iov, iovs), flip = b->flip;
	unsigned char *copy;
	ssize_t n;

	assert_int_equal(iovs, 1);
	b->sends++;
	if (!b->room)
		return (ssize_t)len;
	len = len < b->room ? len : b->room;
	copy = test_malloc(len);
	memcpy(copy, iov[0].iov_base, len);
	if (flip < len)
		copy[flip] ^= 0x20;
	n = b->inner->ops->send(b->inner, &(struct iovec){ copy, len }, 1);
	test_free(copy);
	if (n <= 0)
		return n;
	b->room -= (size_t)n;
	b->sent += (size_t)n;
	if (flip != SIZE_MAX)
		b->flip = flip < (size_t)n ? SIZE_MAX : flip - (size_t)n;
	return n;
}

static ssize_t bent_recv(struct transport *t, const struct iovec *iov, int iovs)
{
	struct transport *inner = ((struct bent *)t)->inner;

	return inner->ops->recv(inner, iov, iovs);
}

static int bent_fd(const struct transport *t)
{
	const struct transport *inner = ((const struct bent *)t)->inner;

	return inner->ops->fd(inner);
}

static void bent_shutdown(struct transport *t)
{
	struct transport *inner = ((struct bent *)t)->inner;

	inner->ops->shutdown(inner);
}

static void bent_free(struct transport *t)
{
	transport_free(((struct bent *)t)->inner);
	free(t);
}

struct bent *bent_new(struct transport *inner)
{
	static const struct transport_ops ops = {
		.send = bent_send,
		.recv = bent_recv,
		.fd = bent_fd,
		.shutdown = bent_shutdown,
		.free = bent_free,
	};
	struct bent *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->t.ops = &ops;
	snprintf(b->t.name, sizeof(b->t.name), "bent");
	b->inner = inner;
	b->room = b->flip = SIZE_MAX;
	return b;
}
