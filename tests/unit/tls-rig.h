/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates made for a test, in a folder of its own; and a transport that bends what it is given. */
#ifndef TESTS_UNIT_TLS_RIG_H
#define TESTS_UNIT_TLS_RIG_H

#include <openssl/x509.h>

#include "transport/transport.h"

#define RIG_DAY (24L * 3600)

struct rig_ca {
	EVP_PKEY *key;
	X509 *cert;
};

struct rig_cert {
	const char *stem; /* of its files: STEM.pem, STEM.key */
	/* Alternative names: "URI:spiffe://x/y,DNS:a,email:b@c,IP:127.0.0.1"; a byte 1 becomes 0 */
	const char *san;
	long from, to; /* seconds from now */
};

/* A new temporary folder; down removes it with all in it. */
void rig_folder_up(void);
void rig_folder_down(void);
/* The path of a file there; good until eight others were asked for. */
const char *rig_path(const char *stem, const char *suffix);

/* A CA, and its certificate in NAME.pem. */
void rig_ca_new(struct rig_ca *ca, const char *name);
void rig_ca_done(struct rig_ca *ca);
/* A certificate and its key. Its serial number. */
long rig_issue(const struct rig_ca *ca, const struct rig_cert *what);
/* Writes the key of STEM again, behind a passphrase. */
void rig_lock_key(const char *stem, const char *passphrase);
/* The CA's list of what is revoked, in NAME.crl; a serial number of 0: nothing. It is good until `to`. */
void rig_revoke(const struct rig_ca *ca, const char *name, long serial, long to);

/* Passes on to `inner`, which it owns. */
struct bent {
	struct transport t;
	struct transport *inner;
	size_t room; /* bytes that are sent on, in all; what comes behind is taken and dropped */
	size_t flip; /* the byte of what is sent that is changed, counted from the next; SIZE_MAX: none */
	unsigned int sends;
	size_t sent; /* bytes, and calls, since they were set to 0 */
};

struct bent *bent_new(struct transport *inner);

#endif
