/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, certificates and the list of revoked ones, by OpenSSL: P-256 and SHA-256, X.509 v3. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cert.h"

/* Clocks differ: what is made now is good on a machine that is this late, too. */
#define BACKDATE 3600
#define SERIAL_BITS 128

bool cert_refuse_ssl(const char *what)
{
	unsigned long err = ERR_peek_last_error();
	const char *reason = err ? ERR_reason_error_string(err) : NULL;

	ERR_clear_error();
	return cert_refuse("%s: %s", what, reason ? reason : "OpenSSL cannot do it");
}

/* ---- what all of them have ---- */

EVP_PKEY *cert_key_new(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		cert_refuse_ssl("a key cannot be made");
	return key;
}

static bool set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool good = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

	BN_free(n);
	return good;
}

static bool set_times(X509 *x, time_t from, time_t until)
{
	return ASN1_TIME_set(X509_getm_notBefore(x), from) && ASN1_TIME_set(X509_getm_notAfter(x), until);
}

static bool set_common_name(X509 *x, const char *name)
{
	return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_ASC,
					  (const unsigned char *)name, -1, -1, 0);
}

static bool add(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = ext && X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	return good;
}

/* ---- the authority ---- */

static bool fill_ca(X509 *x, EVP_PKEY *key, const char *site, unsigned int days)
{
	time_t now = time(NULL);
	char name[CERT_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s OPAE CA", site);
	return X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	       set_times(x, now - BACKDATE, now + (time_t)days * CERT_DAY) && set_common_name(x, name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(x)) && X509_set_pubkey(x, key) &&
	       add(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256());
}

bool cert_ca_make(struct cert_ca *ca, const char *site, unsigned int days)
{
	ca->key = cert_key_new();
	ca->cert = X509_new();
	if (ca->key && ca->cert && fill_ca(ca->cert, ca->key, site, days))
		return true;
	cert_ca_done(ca);
	return cert_refuse_ssl("the authority's certificate cannot be made");
}

/* No key of ours has a password, and nobody is asked for one. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

static EVP_PKEY *read_key(const struct cert_folder *f)
{
	EVP_PKEY *key = NULL;
	size_t len;
	char *pem;
	BIO *bio;

	if (!cert_file_read(f, "ca.key", &pem, &len))
		return NULL;
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	OPENSSL_cleanse(pem, len);
	free(pem);
	ERR_clear_error();
	if (!key)
		cert_refuse("%s/ca.key: this is no private key without a password, in PEM; put back what it "
			    "was, from a copy", f->path);
	return key;
}

X509 *cert_parse(const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

bool cert_ca_read(const struct cert_folder *f, struct cert_ca *ca)
{
	CLEANUP_FREE char *pem = NULL;
	size_t len;

	if (!cert_file_read(f, "ca.crt", &pem, &len))
		return false;
	ca->cert = cert_parse(pem, len);
	if (!ca->cert)
		return cert_refuse("%s/ca.crt: this is no certificate in PEM; put back what it was, from a "
				   "copy", f->path);
	ca->key = read_key(f);
	if (ca->key && X509_check_private_key(ca->cert, ca->key))
		return true;
	if (ca->key)
		cert_refuse("%s: ca.key is not the key of ca.crt; put back what they were, from a copy",
			    f->path);
	cert_ca_done(ca);
	ERR_clear_error();
	return false;
}

void cert_ca_done(struct cert_ca *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	memset(ca, 0, sizeof(*ca));
}

/* ---- what it issues ---- */

/* The names have been judged: there is no comma in them. The caller frees. */
static char *alt_names(const struct cert_request *rq)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; rq->server && i < rq->num_names; i++)
		fprintf(out, "%s%s:%s", i ? "," : "", cert_is_address(rq->names[i]) ? "IP" : "DNS",
			rq->names[i]);
	if (rq->client)
		fprintf(out, "%sURI:" CERT_URI "%s", rq->server ? "," : "", rq->names[0]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static bool add_extensions(X509 *x, X509 *issuer, const struct cert_request *rq)
{
	CLEANUP_FREE char *names = alt_names(rq);
	const char *usage = !rq->client ? "serverAuth" : rq->server ? "serverAuth,clientAuth" : "clientAuth";

	return names && add(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add(x, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add(x, issuer, NID_ext_key_usage, usage) && add(x, issuer, NID_subject_alt_name, names) &&
	       add(x, issuer, NID_subject_key_identifier, "hash") &&
	       add(x, issuer, NID_authority_key_identifier, "keyid:always");
}

X509 *cert_issue(const struct cert_ca *ca, EVP_PKEY *key, const struct cert_request *rq)
{
	time_t now = time(NULL), until = now + (time_t)rq->days * CERT_DAY, last = cert_until(ca->cert);
	X509 *x = X509_new();

	if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	    set_times(x, now - BACKDATE, until < last ? until : last) && set_common_name(x, rq->names[0]) &&
	    X509_set_issuer_name(x, X509_get_subject_name(ca->cert)) && X509_set_pubkey(x, key) &&
	    add_extensions(x, ca->cert, rq) && X509_sign(x, ca->key, EVP_sha256()))
		return x;
	X509_free(x);
	cert_refuse_ssl("the certificate cannot be made");
	return NULL;
}

/* ---- what it revokes ---- */

static bool add_revoked(X509_CRL *crl, const struct cert_entry *e)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *since = ASN1_TIME_set(NULL, e->since);
	ASN1_INTEGER *serial = NULL;
	BIGNUM *n = NULL;
	bool good;

	if (BN_hex2bn(&n, e->serial))
		serial = BN_to_ASN1_INTEGER(n, NULL);
	good = r && since && serial && X509_REVOKED_set_serialNumber(r, serial) &&
	       X509_REVOKED_set_revocationDate(r, since) && X509_CRL_add0_revoked(crl, r);
	if (!good)
		X509_REVOKED_free(r);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(since);
	BN_free(n);
	return good;
}

/* It grows from list to list; that of the old one may be lost, and the time is past it then. */
static uint64_t next_number(const char *old, time_t now)
{
	BIO *bio = old ? BIO_new_mem_buf(old, -1) : NULL;
	X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL) : NULL;
	ASN1_INTEGER *number = crl ? X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL) : NULL;
	uint64_t last = 0;

	if (number && !ASN1_INTEGER_get_uint64(&last, number))
		last = 0;
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	BIO_free(bio);
	ERR_clear_error();
	return last >= (uint64_t)now && last < INT64_MAX ? last + 1 : (uint64_t)now;
}

static bool add_crl_extensions(X509_CRL *crl, X509 *issuer, uint64_t number)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	good = n && ext && X509_CRL_add_ext(crl, ext, -1) && ASN1_INTEGER_set_uint64(n, number) &&
	       X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1;
	X509_EXTENSION_free(ext);
	ASN1_INTEGER_free(n);
	return good;
}

/*
 * The list is good as long as the authority is: where nobody fetches lists by himself, one that ends would
 * shut out everybody one day.
 */
X509_CRL *cert_crl_make(const struct cert_ca *ca, const struct cert_index *index, const char *old)
{
	time_t now = time(NULL);
	ASN1_TIME *from = ASN1_TIME_set(NULL, now - BACKDATE);
	X509_CRL *crl = X509_CRL_new();
	bool good = crl && from && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) &&
		    X509_CRL_set1_lastUpdate(crl, from) &&
		    X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(ca->cert)) &&
		    add_crl_extensions(crl, ca->cert, next_number(old, now));

	for (size_t i = 0; good && i < index->num; i++)
		if (index->entries[i].state == CERT_REVOKED)
			good = add_revoked(crl, &index->entries[i]);
	good = good && X509_CRL_sort(crl) && X509_CRL_sign(crl, ca->key, EVP_sha256());
	ASN1_TIME_free(from);
	if (good)
		return crl;
	X509_CRL_free(crl);
	cert_refuse_ssl("the list of revoked certificates cannot be made");
	return NULL;
}

/* ---- what one says ---- */

time_t cert_until(const X509 *x)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) ? timegm(&tm) : 0;
}

char *cert_serial_text(const X509 *x)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *text = n ? BN_bn2hex(n) : NULL;

	BN_free(n);
	return text;
}

/* Names of a certificate from elsewhere may have anything in them, and go to a terminal. */
static void print_plain(FILE *out, const char *kind, const ASN1_STRING *s)
{
	const unsigned char *at = ASN1_STRING_get0_data(s);

	fputs(kind, out);
	for (int i = 0; i < ASN1_STRING_length(s); i++)
		fputc(at[i] > ' ' && at[i] < 0x7f && at[i] != ',' ? at[i] : '?', out);
}

static void print_address(FILE *out, const ASN1_OCTET_STRING *s)
{
	int len = ASN1_STRING_length(s), family = len == 4 ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN];

	if ((len != 4 && len != 16) || !inet_ntop(family, ASN1_STRING_get0_data(s), text, sizeof(text)))
		snprintf(text, sizeof(text), "?");
	fprintf(out, "IP:%s", text);
}

static void print_name(FILE *out, const GENERAL_NAME *g)
{
	switch (g->type) {
	case GEN_DNS:
		print_plain(out, "DNS:", g->d.dNSName);
		break;
	case GEN_URI:
		print_plain(out, "URI:", g->d.uniformResourceIdentifier);
		break;
	case GEN_EMAIL:
		print_plain(out, "email:", g->d.rfc822Name);
		break;
	case GEN_IPADD:
		print_address(out, g->d.iPAddress);
		break;
	default:
		fputs("other", out);
	}
}

char *cert_sans_text(const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (int i = 0; out && i < sk_GENERAL_NAME_num(names); i++) {
		if (i)
			fputc(',', out);
		print_name(out, sk_GENERAL_NAME_value(names, i));
	}
	if (out && !ftell(out))
		fputs("none", out);
	GENERAL_NAMES_free(names);
	if (out && !fclose(out))
		return text;
	free(text);
	return NULL;
}

/* ---- as files ---- */

static bool pem_content(struct cert_pem *p, bool good)
{
	char *at;
	long len = p->bio && good ? BIO_get_mem_data(p->bio, &at) : 0;

	if (len <= 0) {
		cert_pem_done(p);
		return cert_refuse_ssl("PEM cannot be made");
	}
	p->at = at;
	p->len = (size_t)len;
	return true;
}

bool cert_pem_of_key(struct cert_pem *p, EVP_PKEY *key)
{
	p->bio = BIO_new(BIO_s_secmem());
	return pem_content(p, p->bio &&
			      PEM_write_bio_PKCS8PrivateKey(p->bio, key, NULL, NULL, 0, NULL, NULL));
}

bool cert_pem_of_cert(struct cert_pem *p, X509 *x)
{
	p->bio = BIO_new(BIO_s_mem());
	return pem_content(p, p->bio && PEM_write_bio_X509(p->bio, x));
}

bool cert_pem_of_crl(struct cert_pem *p, X509_CRL *crl)
{
	p->bio = BIO_new(BIO_s_mem());
	return pem_content(p, p->bio && PEM_write_bio_X509_CRL(p->bio, crl));
}

void cert_pem_done(struct cert_pem *p)
{
	BIO_free(p->bio);
	memset(p, 0, sizeof(*p));
}
