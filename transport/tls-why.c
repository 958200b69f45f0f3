/* SPDX-License-Identifier: BSD-3-Clause */
/* What made an operation of OpenSSL's fail, in words. */
#include "transport/tls-internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdio.h>

/* Alerts that speak of our certificate, rather than of the connection. */
static bool is_refusal(int alert)
{
	return (alert >= SSL3_AD_NO_CERTIFICATE && alert <= SSL3_AD_CERTIFICATE_UNKNOWN) ||
	       alert == TLS1_AD_UNKNOWN_CA || alert == TLS1_AD_ACCESS_DENIED ||
	       alert == TLS13_AD_CERTIFICATE_REQUIRED;
}

static int explain_alert(struct tls *s, int alert)
{
	bool refused = is_refusal(alert);

	snprintf(s->why, sizeof(s->why), "%s: it %s: %s (TLS alert %d)%s", s->t.name,
		 refused ? "does not accept the certificate of this side" : "ended TLS",
		 SSL_alert_desc_string_long(alert), alert,
		 alert == TLS1_AD_PROTOCOL_VERSION ? ": it has no TLS 1.3"
		 : refused			   ? "; the reason is in its log"
						   : "");
	return refused ? -EACCES : -EPROTO;
}

static int say(struct tls *s, int rc, const char *what)
{
	snprintf(s->why, sizeof(s->why), "%s: %s", s->t.name, what);
	return rc;
}

static int explain_reason(struct tls *s, int reason)
{
	switch (reason) {
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return s->why[0] ? -EACCES : say(s, -EACCES, "its certificate is not accepted");
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return say(s, -EACCES, "it shows no certificate: it needs one, in its configuration of TLS");
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_WRONG_SSL_VERSION:
		return say(s, -EPROTO, "it has no TLS 1.3, and nothing older is accepted");
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		if (SSL_is_init_finished(s->ssl))
			break;
		return say(s, -EPROTO,
			   "what it sends is not TLS: is it without \"tls\" in its configuration?");
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
		return say(s, -EBADMSG,
			   "what has arrived is not what it sent: something between has changed it");
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_GROUPS:
		return say(s, -EPROTO, "it has none of the ciphers and groups that are accepted here");
	default:
		break;
	}
	snprintf(s->why, sizeof(s->why), "%s: TLS failed: %s", s->t.name,
		 ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason))
			 ? ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason))
			 : "a malformed message");
	return -EPROTO;
}

int tls_explain(struct tls *s)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);

	ERR_clear_error();
	if (!error)
		return say(s, -ENOMEM, "there is no memory for TLS");
	if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
		const char *text = ERR_reason_error_string(error);

		snprintf(s->why, sizeof(s->why), "%s: TLS failed: %s", s->t.name, text ? text : "OpenSSL");
		return -EPROTO;
	}
	if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
		return explain_alert(s, reason - SSL_AD_REASON_OFFSET);
	return explain_reason(s, reason);
}
