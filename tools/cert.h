/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae cert: the certificate authority of a small site. It is a folder, which its user alone can enter:
 *
 *	ca.key ca.crt ca.crl    the authority's key, its certificate, and what it has revoked
 *	index                   one line for each certificate that it has issued
 *	issued/NAME/            what goes to one machine or user, unless --out says otherwise
 *
 * Every file appears whole under its name or not at all, and the index is written before a certificate
 * appears: there is none that cannot be revoked. Who changes something holds the lock of the folder.
 */
#ifndef TOOLS_CERT_H
#define TOOLS_CERT_H

#include <limits.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * What a client's name has in front of it in its certificate, as a URI. opaed calls who shows it by that URI,
 * behind "tls:".
 */
#define CERT_URI "opae:"
#define CERT_PRINCIPAL "tls:" CERT_URI
#define CERT_NAME_MAX 64 /* the first name's bytes, for it is the subject's common name */
#define CERT_NAMES_MAX 32
#define CERT_DAYS_MAX 36500
#define CERT_DAY 86400
#define CERT_WARN_DAYS 14
#define CERT_TIME_MAX 24 /* with the NUL */

/* Prints "opae: " and the message; returns false. */
bool cert_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for what OpenSSL has failed at, with its reason. */
bool cert_refuse_ssl(const char *what);

/* ---- folders and files ---- */

struct cert_folder {
	int fd; /* -1: none */
	int lock; /* -1: not held */
	char path[PATH_MAX];
};

#define CERT_FOLDER_NONE { .fd = -1, .lock = -1 }
#define CERT_FILE_MAX (CERT_NAME_MAX + 16)

/* A file that is not there yet under its name. */
struct cert_file {
	const struct cert_folder *in; /* NULL: nothing to drop */
	char name[CERT_FILE_MAX], temp[CERT_FILE_MAX + 24];
};

/* The folder that is meant without --dir; false, and told, when nothing says which. */
bool cert_folder_default(char path[PATH_MAX]);
/* Makes the folders above it as well: for the default. */
bool cert_folder_make_above(const char *path);
bool cert_folder_open(struct cert_folder *f, const char *path);
/* Makes it, for its user alone, when it is not there. */
bool cert_folder_open_or_make(struct cert_folder *f, const char *path);
/* Is it its user's alone to write to? What it says is believed. */
bool cert_folder_trusted(const struct cert_folder *f);
/* Waits while another has it, and gives up after a while. */
bool cert_folder_lock(struct cert_folder *f);
void cert_folder_close(struct cert_folder *f);

/* Puts the content beside where it will be. */
bool cert_file_stage(struct cert_file *file, const struct cert_folder *in, const char *name, mode_t mode,
		     const void *data, size_t len);
/* Gives it its name. Without `replace` something of that name makes it fail. */
bool cert_file_commit(struct cert_file *file, bool replace);
void cert_file_drop(struct cert_file *file);
bool cert_file_write(const struct cert_folder *in, const char *name, mode_t mode, const void *data,
		     size_t len);
bool cert_file_exists(const struct cert_folder *in, const char *name);
/* The caller frees. Has a NUL behind it, which is not counted. */
bool cert_file_read(const struct cert_folder *in, const char *name, char **data, size_t *len);
/* Of a path. */
bool cert_path_read(int at, const char *path, const char *shown, char **data, size_t *len);

/* ---- names ---- */

/* What is wrong with it, or NULL. */
const char *cert_site_wrong(const char *site);
const char *cert_server_wrong(const char *name); /* a DNS name, or an IP address */
const char *cert_client_wrong(const char *name);
/* The first of them is a name of files, too. */
const char *cert_first_wrong(const char *name);
bool cert_is_address(const char *name);

/* ---- the index ---- */

enum cert_state { CERT_VALID, CERT_REPLACED, CERT_REVOKED };

struct cert_entry {
	char *line; /* what the texts are in */
	const char *serial, *name, *sans;
	time_t until, since;
	enum cert_state state; /* since then */
};

struct cert_index {
	struct cert_entry *entries;
	size_t num;
};

bool cert_index_read(const struct cert_folder *f, struct cert_index *ret);
bool cert_index_write(const struct cert_folder *f, const struct cert_index *index);
bool cert_index_add(struct cert_index *index, const char *serial, time_t until, const char *name,
		    const char *sans);
struct cert_entry *cert_index_find(const struct cert_index *index, const char *serial);
void cert_index_done(struct cert_index *index);
const char *cert_state_name(enum cert_state s);
void cert_time_text(time_t t, char out[CERT_TIME_MAX]); /* 2026-11-22T06:05:21Z */

/* ---- X.509 ---- */

struct cert_ca {
	X509 *cert;
	EVP_PKEY *key;
};

struct cert_request {
	const char *names[CERT_NAMES_MAX];
	size_t num_names;
	bool server, client;
	unsigned int days;
};

/* Content of a file; freed with cert_pem_done, which leaves nothing of it in memory. */
struct cert_pem {
	BIO *bio;
	const char *at;
	size_t len;
};

EVP_PKEY *cert_key_new(void);
bool cert_ca_make(struct cert_ca *ca, const char *site, unsigned int days);
/* From its folder. */
bool cert_ca_read(const struct cert_folder *f, struct cert_ca *ca);
void cert_ca_done(struct cert_ca *ca);
/* NULL, and told. Ends when the authority does, at the latest. */
X509 *cert_issue(const struct cert_ca *ca, EVP_PKEY *key, const struct cert_request *rq);
/* Tells of what the index calls revoked; `old` is what it takes the place of, or NULL. */
X509_CRL *cert_crl_make(const struct cert_ca *ca, const struct cert_index *index, const char *old);
X509 *cert_parse(const char *pem, size_t len); /* the first certificate, or NULL */
time_t cert_until(const X509 *x);
char *cert_serial_text(const X509 *x); /* the caller frees with OPENSSL_free */
/* DNS:a,IP:10.0.0.7,URI:opae:b; the caller frees. */
char *cert_sans_text(const X509 *x);

bool cert_pem_of_key(struct cert_pem *p, EVP_PKEY *key);
bool cert_pem_of_cert(struct cert_pem *p, X509 *x);
bool cert_pem_of_crl(struct cert_pem *p, X509_CRL *crl);
void cert_pem_done(struct cert_pem *p);

/* ---- the commands: what stands behind `opae cert VERB` ---- */

/* What options there are, as they were given. */
struct cert_args {
	const char *words[CERT_NAMES_MAX];
	size_t num_words;
	const char *dir, *out, *site, *days;
	bool server, client, renew, json;
	char dir_default[PATH_MAX];
};

int cert_init(struct cert_args *a);
int cert_issue_command(struct cert_args *a);
int cert_revoke(struct cert_args *a);
int cert_show(struct cert_args *a);
bool cert_days(const struct cert_args *a, unsigned int otherwise, unsigned int *ret);

#endif
