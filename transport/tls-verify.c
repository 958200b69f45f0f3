/* SPDX-License-Identifier: BSD-3-Clause */
/* Who the peer is, by its certificate, and what is wrong with that. */
#include "transport/tls-internal.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SUBJECT_MAX 128
#define PREFIX "tls:"

const char *tls_time_text(const ASN1_TIME *at, char out[32])
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(at, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, 32, "an unknown day");
	return out;
}

/* ---- the principal ---- */

/* Nothing that a log, a policy or a terminal could take for something else. */
static bool is_plain(const unsigned char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '*')
			return false;
	return len > 0;
}

/* Of the three kinds none can be written like another: only an address has '@' and no ':'. */
static bool is_of_kind(int kind, const unsigned char *name, size_t len)
{
	bool colon = memchr(name, ':', len), at = memchr(name, '@', len);

	return kind == GEN_URI ? colon : kind == GEN_EMAIL ? at && !colon : !at && !colon;
}

static const ASN1_IA5STRING *first_of(const GENERAL_NAMES *names, int kind)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == kind)
			return n->d.ia5;
	}
	return NULL;
}

static const char *choose(const GENERAL_NAMES *names, char out[TLS_PEER_MAX])
{
	static const int kinds[] = { GEN_URI, GEN_EMAIL, GEN_DNS };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const ASN1_IA5STRING *s = first_of(names, kinds[i]);
		const unsigned char *name = s ? ASN1_STRING_get0_data(s) : NULL;
		size_t len = s ? (size_t)ASN1_STRING_length(s) : 0;

		if (!s)
			continue;
		if (!is_plain(name, len) || !is_of_kind(kinds[i], name, len))
			return "the alternative name (SAN) of its certificate has characters that it must "
			       "not have";
		if (len > TLS_PEER_MAX - sizeof(PREFIX))
			return "the alternative name in its certificate is too long: 123 bytes are the most";
		memcpy(out, PREFIX, sizeof(PREFIX) - 1);
		memcpy(out + sizeof(PREFIX) - 1, name, len);
		out[sizeof(PREFIX) - 1 + len] = '\0';
		return NULL;
	}
	return "its certificate has no alternative name (SAN) of a URI, email address or DNS name: issue "
	       "one that says who it is for";
}

/* What is wrong with it, or NULL. */
static const char *principal(X509 *cert, char out[TLS_PEER_MAX])
{
	int state = -1;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &state, NULL);
	const char *wrong;

	if (!names && state != -1)
		return "the alternative names (SAN) of its certificate are malformed";
	wrong = choose(names, out);
	GENERAL_NAMES_free(names);
	return wrong;
}

/* ---- what is wrong ---- */

static const char *subject_text(X509_STORE_CTX *x, char out[SUBJECT_MAX])
{
	const X509 *cert = X509_STORE_CTX_get_current_cert(x);

	out[0] = '\0';
	if (cert) /* which escapes what is not printable */
		X509_NAME_oneline(X509_get_subject_name(cert), out, SUBJECT_MAX);
	return out;
}

static void explain_dates(struct tls *s, X509_STORE_CTX *x, const char *subject)
{
	const X509 *cert = X509_STORE_CTX_get_current_cert(x);
	bool over = X509_STORE_CTX_get_error(x) == X509_V_ERR_CERT_HAS_EXPIRED;
	char at[32];

	snprintf(s->why, sizeof(s->why), "%s: the certificate of %s %s %s: %s", s->t.name, subject,
		 over ? "has expired on" : "is good only from",
		 tls_time_text(over ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert), at),
		 over ? "it must be issued anew" : "is a clock wrong?");
}

static void explain_crl(struct tls *s, int error)
{
	const char *what =
		error == X509_V_ERR_UNABLE_TO_GET_CRL ? "has no list of the CA that signed its certificate"
		: error == X509_V_ERR_CRL_HAS_EXPIRED ? "the list is too old: make a new one"
						      : "the list is good only later: is a clock wrong?";

	snprintf(s->why, sizeof(s->why), "%s: whether its certificate is revoked is not known: %s: %s",
		 s->t.name, s->ctx->crl, what);
}

static void explain(struct tls *s, X509_STORE_CTX *x)
{
	int error = X509_STORE_CTX_get_error(x);
	char subject[SUBJECT_MAX];

	subject_text(x, subject);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		explain_dates(s, x, subject);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		snprintf(s->why, sizeof(s->why), "%s: the certificate of %s is signed by no CA in %s",
			 s->t.name, subject, s->ctx->ca);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		snprintf(s->why, sizeof(s->why), "%s: the certificate of %s is not for the name %s",
			 s->t.name, subject, s->ctx->name);
		break;
	case X509_V_ERR_CERT_REVOKED:
		snprintf(s->why, sizeof(s->why), "%s: the certificate of %s is revoked, says %s", s->t.name,
			 subject, s->ctx->crl);
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		explain_crl(s, error);
		break;
	default:
		snprintf(s->why, sizeof(s->why), "%s: the certificate of %s is not accepted: %s", s->t.name,
			 subject, X509_verify_cert_error_string(error));
	}
}

int tls_verify(X509_STORE_CTX *x, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *s = SSL_get_app_data(ssl);
	const char *wrong;

	(void)arg;
	if (X509_verify_cert(x) <= 0) {
		explain(s, x);
		return 0;
	}
	wrong = principal(X509_STORE_CTX_get0_cert(x), s->peer);
	if (!wrong || s->ctx->side == TLS_CLIENT) /* which has compared the name */
		return 1;
	snprintf(s->why, sizeof(s->why), "%s: %s", s->t.name, wrong);
	X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_REJECTED);
	return 0;
}
