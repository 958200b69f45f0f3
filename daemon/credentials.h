/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files of a listener's "tls", as they were when they were last whole and good. Workers get these, so
 * that each has a certificate and the key that is its own, also while somebody replaces the files one after
 * the other; and need not be able to read them. One thread, the monitor's.
 */
#ifndef DAEMON_CREDENTIALS_H
#define DAEMON_CREDENTIALS_H

#include "transport/tls.h"

enum credential { CREDENTIAL_CA, CREDENTIAL_CERT, CREDENTIAL_KEY, CREDENTIAL_CRL, CREDENTIALS };

struct credentials {
	int refs;
	const char *name[CREDENTIALS]; /* path of the file; NULL: none is wanted */
	int fd[CREDENTIALS];	       /* a copy that nobody can change; -1 */
	struct tls_config *files;
	char seen[CREDENTIALS][64]; /* which file it was, as text to compare */
	int64_t look_at;	    /* the next look at the files */
	bool bad;		    /* the last look found what is not good */
};

/* Reads them. 0; else why (TLS_WHY_MAX bytes) names the file and what to do. */
int credentials_new(const struct tls_config *files, struct credentials **ret, char *why);
struct credentials *credentials_ref(struct credentials *c); /* NULL is fine, also below */
void credentials_unref(struct credentials *c);
/*
 * Looks whether the files have changed, not more often than needed. 1: they have, and the new ones are taken;
 * 0: nothing is new; else they are not good, why says it, and those before stay: that is told once.
 */
int credentials_look(struct credentials *c, char *why);

#endif
