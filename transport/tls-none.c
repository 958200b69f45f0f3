/* SPDX-License-Identifier: BSD-3-Clause */
/* A build without OpenSSL: there is no TLS, and who asks for it is told so. */
#include <errno.h>
#include <stdio.h>

#include "transport/tls.h"

int tls_context_new(const struct tls_config *config, enum tls_side side, struct tls_context **ret, char *why)
{
	(void)config;
	(void)side;
	(void)ret;
	snprintf(why, TLS_WHY_MAX,
		 "this build has no TLS: build it with OpenSSL 3.0 (meson setup -Dtls=enabled)");
	return -ENOTSUP;
}

/* Without a context nobody comes to the rest. */

struct tls_context *tls_context_ref(struct tls_context *c)
{
	return c;
}

void tls_context_unref(struct tls_context *c)
{
	(void)c;
}

void tls_context_forget_key(struct tls_context *c)
{
	(void)c;
}

void tls_wipe_freed(void)
{
}

int tls_handshake_start(struct tls_context *c, struct transport *inner, struct tls_handshake **ret)
{
	(void)c;
	(void)ret;
	transport_free(inner);
	return -ENOTSUP;
}

int tls_handshake_fd(const struct tls_handshake *h, short *events)
{
	(void)h;
	*events = 0;
	return -1;
}

int tls_handshake_step(struct tls_handshake *h, struct transport **ret)
{
	(void)h;
	(void)ret;
	return -ENOTSUP;
}

const char *tls_handshake_why(const struct tls_handshake *h)
{
	(void)h;
	return "this build has no TLS";
}

void tls_handshake_free(struct tls_handshake *h)
{
	(void)h;
}

int tls_over(struct tls_context *c, struct transport *inner, int64_t deadline, struct transport **ret,
	     char *why)
{
	(void)c;
	(void)deadline;
	(void)ret;
	if (why)
		snprintf(why, TLS_WHY_MAX, "%s: this build has no TLS", inner->name);
	transport_free(inner);
	return -ENOTSUP;
}

int tls_peer(const struct transport *t, char out[TLS_PEER_MAX])
{
	(void)t;
	(void)out;
	return -EINVAL;
}

void tls_why(struct transport *t, char out[TLS_WHY_MAX])
{
	(void)t;
	out[0] = '\0';
}
