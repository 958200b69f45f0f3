/* SPDX-License-Identifier: BSD-3-Clause */
/* opae cert issue: a key and a certificate for a machine or a user. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cert.h"
#include "opae.h"

#define DAYS 365

/* What one run makes, and where. */
struct issue {
	struct cert_request rq;
	struct cert_folder ca_folder, out;
	struct cert_index index;
	struct cert_ca ca;
	EVP_PKEY *key;
	X509 *cert;
	char names[CERT_NAMES_MAX][256]; /* in lower case, for a server's */
	char key_name[CERT_FILE_MAX], cert_name[CERT_FILE_MAX];
};

/* ---- the request ---- */

static const char *name_wrong(const struct cert_request *rq, size_t i, const char *name)
{
	const char *wrong = rq->server ? cert_server_wrong(name) : NULL;

	if (!wrong && !i)
		wrong = cert_first_wrong(name);
	return !wrong && !i && rq->client ? cert_client_wrong(name) : wrong;
}

static int read_request(const struct cert_args *a, struct issue *s)
{
	struct cert_request *rq = &s->rq;

	rq->server = a->server || !a->client;
	rq->client = a->client || !a->server;
	rq->num_names = a->num_words;
	if (!a->num_words)
		return usage_error("cert issue needs a name: a machine's, or a user's with --client");
	if (!rq->server && a->num_words > 1)
		return usage_error("a client has one name, and '%s' is a second; issue a certificate for "
				   "each", a->words[1]);
	for (size_t i = 0; i < a->num_words; i++) {
		const char *wrong = name_wrong(rq, i, a->words[i]);

		if (wrong)
			return usage_error("'%s': %s", a->words[i], wrong);
		rq->names[i] = s->names[i];
		for (size_t k = 0; a->words[i][k]; k++)
			s->names[i][k] = rq->server ? (char)tolower((unsigned char)a->words[i][k]) :
						      a->words[i][k];
	}
	snprintf(s->key_name, sizeof(s->key_name), "%s.key", rq->names[0]);
	snprintf(s->cert_name, sizeof(s->cert_name), "%s.crt", rq->names[0]);
	return cert_days(a, DAYS, &rq->days) ? EXIT_OK : EXIT_USAGE;
}

/* ---- where it goes ---- */

static bool open_out(const struct cert_args *a, struct issue *s)
{
	struct cert_folder issued = CERT_FOLDER_NONE;
	char path[PATH_MAX];
	bool good;

	if (a->out)
		return cert_folder_open_or_make(&s->out, a->out);
	if (snprintf(path, sizeof(path), "%s/issued/%s", s->ca_folder.path, s->rq.names[0]) >= PATH_MAX)
		return cert_refuse("%s: the path is too long; name a folder with --out", s->ca_folder.path);
	*strrchr(path, '/') = 0;
	good = cert_folder_open_or_make(&issued, path);
	cert_folder_close(&issued);
	path[strlen(path)] = '/';
	return good && cert_folder_open_or_make(&s->out, path);
}

/* The authority's certificate in the folder that it goes to must be this one's, or none. */
static bool other_ca_there(const struct issue *s)
{
	CLEANUP_FREE char *pem = NULL;
	X509 *there;
	size_t len;
	bool same;

	if (!cert_file_exists(&s->out, "ca.crt"))
		return false;
	if (!cert_file_read(&s->out, "ca.crt", &pem, &len))
		return true;
	there = cert_parse(pem, len);
	same = there && !X509_cmp(there, s->ca.cert);
	X509_free(there);
	return !same && !cert_refuse("%s/ca.crt: that is another authority's certificate, and stays as it "
				     "is; name another folder with --out", s->out.path);
}

static bool place_free(const struct cert_args *a, const struct issue *s)
{
	const char *const names[] = { s->cert_name, s->key_name };

	for (size_t i = 0; !a->renew && i < 2; i++)
		if (cert_file_exists(&s->out, names[i]))
			return cert_refuse("%s/%s: it is there already, and stays as it is; --renew puts "
					   "a new key and certificate in its place, --out another elsewhere",
					   s->out.path, names[i]);
	return !other_ca_there(s);
}

/* ---- making it ---- */

/* Nobody needs to be told any more when the one that goes ends. */
static bool mark_replaced(struct issue *s)
{
	CLEANUP_FREE char *pem = NULL;
	struct cert_entry *e;
	char *serial;
	size_t len;
	X509 *old;

	if (!cert_file_exists(&s->out, s->cert_name))
		return true;
	if (!cert_file_read(&s->out, s->cert_name, &pem, &len))
		return false;
	old = cert_parse(pem, len);
	serial = old ? cert_serial_text(old) : NULL;
	e = serial ? cert_index_find(&s->index, serial) : NULL;
	if (e && e->state == CERT_VALID) {
		e->state = CERT_REPLACED;
		e->since = time(NULL);
	}
	OPENSSL_free(serial);
	X509_free(old);
	return true;
}

static bool add_to_index(struct issue *s)
{
	CLEANUP_FREE char *sans = cert_sans_text(s->cert);
	char *serial = cert_serial_text(s->cert);
	bool good = sans && serial && mark_replaced(s) &&
		    cert_index_add(&s->index, serial, cert_until(s->cert), s->rq.names[0], sans) &&
		    cert_index_write(&s->ca_folder, &s->index);

	OPENSSL_free(serial);
	return good;
}

/* Whatever can fail for want of room is done before anything has its name. */
static bool write_files(struct issue *s, bool replace)
{
	struct cert_pem key = { 0 }, cert = { 0 }, ca = { 0 };
	struct cert_file files[4] = { 0 };
	CLEANUP_FREE char *crl = NULL;
	size_t crl_len;
	bool good = cert_file_read(&s->ca_folder, "ca.crl", &crl, &crl_len) &&
		    cert_pem_of_key(&key, s->key) && cert_pem_of_cert(&cert, s->cert) &&
		    cert_pem_of_cert(&ca, s->ca.cert) &&
		    cert_file_stage(&files[0], &s->out, s->key_name, 0600, key.at, key.len) &&
		    cert_file_stage(&files[1], &s->out, s->cert_name, 0644, cert.at, cert.len) &&
		    cert_file_stage(&files[2], &s->out, "ca.crt", 0644, ca.at, ca.len) &&
		    cert_file_stage(&files[3], &s->out, "ca.crl", 0644, crl, crl_len) &&
		    add_to_index(s) && cert_file_commit(&files[0], replace) &&
		    cert_file_commit(&files[1], replace) && cert_file_commit(&files[2], true) &&
		    cert_file_commit(&files[3], true);

	for (size_t i = 0; i < 4; i++)
		cert_file_drop(&files[i]);
	cert_pem_done(&key);
	cert_pem_done(&cert);
	cert_pem_done(&ca);
	return good;
}

static bool make(const struct cert_args *a, struct issue *s)
{
	if (cert_until(s->ca.cert) <= time(NULL))
		return cert_refuse("%s/ca.crt: the authority has expired; `opae cert init --dir NEW` makes "
				   "another, and all certificates have to be issued anew", s->ca_folder.path);
	s->key = cert_key_new();
	s->cert = s->key ? cert_issue(&s->ca, s->key, &s->rq) : NULL;
	return s->cert && write_files(s, a->renew);
}

/* ---- telling ---- */

static void add_path(struct json_object *o, const char *key, const struct issue *s, const char *name)
{
	char path[PATH_MAX + CERT_FILE_MAX];

	snprintf(path, sizeof(path), "%s/%s", s->out.path, name);
	json_object_object_add(o, key, json_object_new_string(path));
}

static void print_tls(const char *what, const struct issue *s, bool listener)
{
	struct json_object *o = json_object_new_object();

	add_path(o, "ca", s, "ca.crt");
	if (listener)
		add_path(o, "crl", s, "ca.crl");
	add_path(o, "cert", s, s->cert_name);
	add_path(o, "key", s, s->key_name);
	printf("%s\n  \"tls\": %s\n", what,
	       json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void tell(const struct issue *s)
{
	time_t until = cert_until(s->cert), wanted = time(NULL) + (time_t)s->rq.days * CERT_DAY;
	char *serial = cert_serial_text(s->cert);
	char text[CERT_TIME_MAX];

	cert_time_text(until, text);
	printf("made a certificate for %s, good until %s%s, serial %s:\n", s->rq.names[0], text,
	       until < wanted - 60 ? " (when the authority ends)" : "", serial ? serial : "?");
	OPENSSL_free(serial);
	printf("  %s/%s\n  %s/%s   a secret: the one who uses it, and nobody else, reads it\n", s->out.path,
	       s->cert_name, s->out.path, s->key_name);
	if (s->rq.server)
		print_tls("in a listener of opaed:", s, true);
	if (!s->rq.client)
		return;
	print_tls("in a host of the tcp plugin:", s, false);
	printf("the policy of opaed calls who shows it \"" CERT_PRINCIPAL "%s\"\n", s->rq.names[0]);
}

int cert_issue_command(struct cert_args *a)
{
	struct issue s = { .ca_folder = CERT_FOLDER_NONE, .out = CERT_FOLDER_NONE };
	int rc = read_request(a, &s);
	bool good;

	if (rc != EXIT_OK)
		return rc;
	good = cert_folder_open(&s.ca_folder, a->dir ? a->dir : a->dir_default) &&
	       cert_folder_trusted(&s.ca_folder) && cert_folder_lock(&s.ca_folder) &&
	       cert_ca_read(&s.ca_folder, &s.ca) && cert_index_read(&s.ca_folder, &s.index) &&
	       open_out(a, &s) && place_free(a, &s) && make(a, &s);
	if (good)
		tell(&s);
	X509_free(s.cert);
	EVP_PKEY_free(s.key);
	cert_index_done(&s.index);
	cert_ca_done(&s.ca);
	cert_folder_close(&s.out);
	cert_folder_close(&s.ca_folder);
	return good ? EXIT_OK : EXIT_FAILED;
}
