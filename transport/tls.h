/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS 1.3 over any other transport, by OpenSSL: both ends show a certificate, and each checks the other's.
 * What is wrong is told to this side in words; the peer gets TLS's own alert and no more.
 *
 * A build without OpenSSL has these functions too: tls_context_new() then says so.
 */
#ifndef TRANSPORT_TLS_H
#define TRANSPORT_TLS_H

#include "transport/transport.h"

#define TLS_WHY_MAX 400
#define TLS_PEER_MAX 128 /* with its NUL; whose name is longer is refused */

enum tls_side { TLS_CLIENT, TLS_SERVER };

/* Paths of PEM files. */
struct tls_config {
	const char *ca;	  /* who may have signed the other end's certificate */
	const char *cert; /* this end's, and behind it those between it and the CA, if there are any */
	const char *key;
	const char *crl;  /* what the CAs have revoked; NULL: nobody asks */
	/*
	 * The host name or IP address that the server's certificate must be for. A server may have it, or
	 * NULL: its own certificate is judged then as clients will.
	 */
	const char *name;
};

struct tls_context;
struct tls_handshake;

/*
 * Reads the files. -EINVAL, -ENOENT, -EACCES, ...: why (TLS_WHY_MAX bytes) names the file and what to do.
 * Whoever reloads makes a new one; what was begun with the old one goes on with it.
 */
int tls_context_new(const struct tls_config *config, enum tls_side side, struct tls_context **ret,
		    char *why);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* NULL is fine */
/* Wipes the private key: nothing is begun with it any more; what has shaken hands goes on. */
void tls_context_forget_key(struct tls_context *c);
/* Of a process that is to forget keys: OpenSSL wipes what it frees. Before anything else of it is called. */
void tls_wipe_freed(void);

/* Begins over `inner`, which is taken over, also on failure. 0, or -ENOMEM. */
int tls_handshake_start(struct tls_context *c, struct transport *inner, struct tls_handshake **ret);
/* What to poll for until the next step. */
int tls_handshake_fd(const struct tls_handshake *h, short *events);
/*
 * 1: done, and *ret is the transport; 0: not yet; a negative errno: it failed for good. -EACCES: one end
 * does not accept the other's certificate; -EPROTO: no TLS 1.3; -EPIPE, -EHOSTDOWN: as in recv.
 */
int tls_handshake_step(struct tls_handshake *h, struct transport **ret);
/* Why it failed, in one line that names the peer. */
const char *tls_handshake_why(const struct tls_handshake *h);
void tls_handshake_free(struct tls_handshake *h); /* NULL is fine; at any time */

/* The whole of it. -ETIMEDOUT after the deadline; why (TLS_WHY_MAX bytes) may be NULL. */
int tls_over(struct tls_context *c, struct transport *inner, int64_t deadline, struct transport **ret,
	     char *why);

/*
 * Of a transport that came of a handshake:
 * - who has got -EAGAIN from send comes back with the same bytes in front, as transport_send_all() does, for
 *   they may be half on their way already.
 * - a server's refusal of the client's certificate reaches the client behind the handshake, as -EACCES of
 *   recv, for the client's part of the handshake is over before the server has looked.
 * - -EBADMSG of recv: something between the ends has changed the bytes.
 * - -EPIPE of recv may be an end or a cut; tls_why() tells which.
 */

/*
 * Whose certificate the other end has, from its subject alternative names: the first URI, else the first
 * email address, else the first DNS name, with "tls:" in front, so that it is never taken for another kind
 * of principal. Printable characters without blanks or '*'. -ENODATA: a server's certificate that has none
 * of these; -EINVAL: not TLS.
 */
int tls_peer(const struct transport *t, char out[TLS_PEER_MAX]);
/* Why it ended, in one line; "": it has not, or -EPIPE was the orderly end. Any thread. */
void tls_why(struct transport *t, char out[TLS_WHY_MAX]);

#endif
