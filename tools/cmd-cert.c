/* SPDX-License-Identifier: BSD-3-Clause */
/* opae cert: the arguments, and the certificate authority itself: init and revoke. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cert.h"
#include "opae.h"

#define CA_DAYS 3650

/* ---- init ---- */

static bool write_ca(const struct cert_folder *f, const struct cert_ca *ca)
{
	struct cert_pem key = { 0 }, cert = { 0 }, list = { 0 };
	struct cert_index none = { 0 };
	X509_CRL *crl = cert_crl_make(ca, &none, NULL);
	bool good = crl && cert_pem_of_key(&key, ca->key) && cert_pem_of_cert(&cert, ca->cert) &&
		    cert_pem_of_crl(&list, crl) && cert_file_write(f, "ca.key", 0600, key.at, key.len) &&
		    cert_file_write(f, "ca.crt", 0644, cert.at, cert.len) &&
		    cert_file_write(f, "ca.crl", 0644, list.at, list.len) &&
		    cert_file_write(f, ".lock", 0600, "", 0) && cert_index_write(f, &none);

	X509_CRL_free(crl);
	cert_pem_done(&key);
	cert_pem_done(&cert);
	cert_pem_done(&list);
	return good;
}

static void drop_folder(const struct cert_folder *f, const char *path)
{
	static const char *const names[] = { "ca.key", "ca.crt", "ca.crl", ".lock", "index" };

	for (size_t i = 0; f->fd >= 0 && i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(f->fd, names[i], 0);
	rmdir(path);
}

static bool refuse_name(const char *path, int err)
{
	if (err == ENOTEMPTY || err == EEXIST)
		return cert_refuse("%s: there is something already, and it stays as it is; `opae cert show "
				   "--dir %s` shows a certificate authority's, and --dir makes another "
				   "elsewhere", path, path);
	if (err == ENOTDIR)
		return cert_refuse("%s: that is there already, and is no folder; name another with --dir",
				   path);
	return cert_refuse("%s: %s; name another folder with --dir", path, strerror(err));
}

/* All of it is made beside the folder, which then is there whole, or not at all. */
static bool make_folder(const char *path, const struct cert_ca *ca)
{
	struct cert_folder f = CERT_FOLDER_NONE;
	char fresh[PATH_MAX];
	bool good;

	if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >= (int)sizeof(fresh))
		return cert_refuse("the path of the folder is too long");
	if (!mkdtemp(fresh))
		return cert_refuse("%s: the folder cannot be made: %s%s", path, strerror(errno),
				   errno == ENOENT ? "; make the one first that it will be in" : "");
	if (chmod(fresh, 0700)) {
		rmdir(fresh);
		return cert_refuse("%s: %s", fresh, strerror(errno));
	}
	good = cert_folder_open(&f, fresh) && write_ca(&f, ca);
	if (good && rename(fresh, path)) {
		good = false;
		refuse_name(path, errno);
	}
	if (!good)
		drop_folder(&f, fresh);
	cert_folder_close(&f);
	return good;
}

static void tell_init(const char *path, const struct cert_args *a, const char *site, time_t until)
{
	char text[CERT_TIME_MAX];

	cert_time_text(until, text);
	printf("made the certificate authority of %s in %s, good until %s:\n", site, path, text);
	printf("  ca.key   its key. Who has it can make certificates: it stays here, and a copy in a safe\n");
	printf("  ca.crt   its certificate. Every opaed and every client needs it; it is no secret\n");
	printf("  ca.crl   what it has revoked, nothing yet. Every opaed needs it; it is no secret\n");
	printf("next, for the machine of an opaed:  opae cert issue%s%s HOSTNAME\n", a->dir ? " --dir " : "",
	       a->dir ? a->dir : "");
	printf("and for a user of it:               opae cert issue%s%s --client NAME\n",
	       a->dir ? " --dir " : "", a->dir ? a->dir : "");
}

/* The machine's name, where it can be a site's. */
static const char *site_name(const struct cert_args *a, char room[CERT_NAME_MAX])
{
	if (a->site)
		return a->site;
	if (gethostname(room, CERT_NAME_MAX) || !memchr(room, 0, CERT_NAME_MAX) || cert_site_wrong(room))
		return "this site";
	return room;
}

/* A '/' at the end would be behind the folder that is made beside it. */
static bool folder_path(const char *given, char path[PATH_MAX])
{
	size_t len = strlen(given);

	while (len > 1 && given[len - 1] == '/')
		len--;
	if (!len || len >= PATH_MAX)
		return cert_refuse("the path of the folder has %zu bytes; it can have 1 to %d", len,
				   PATH_MAX - 1);
	memcpy(path, given, len);
	path[len] = 0;
	return true;
}

int cert_init(struct cert_args *a)
{
	char room[CERT_NAME_MAX], path[PATH_MAX];
	const char *site = site_name(a, room), *wrong = cert_site_wrong(site);
	struct cert_ca ca = { 0 };
	struct stat st;
	unsigned int days;
	bool good;

	if (wrong)
		return usage_error("--name '%s': %s", site, wrong);
	if (!cert_days(a, CA_DAYS, &days))
		return EXIT_USAGE;
	if (!folder_path(a->dir ? a->dir : a->dir_default, path) ||
	    (!a->dir && !cert_folder_make_above(path)))
		return EXIT_FAILED;
	good = lstat(path, &st) || S_ISDIR(st.st_mode) || refuse_name(path, ENOTDIR);
	good = good && cert_ca_make(&ca, site, days) && make_folder(path, &ca);
	if (good)
		tell_init(path, a, site, cert_until(ca.cert));
	cert_ca_done(&ca);
	return good ? EXIT_OK : EXIT_FAILED;
}

/* ---- revoke ---- */

/* The word is a name, and means all that have it, those that were replaced as well; or a serial. */
static bool is_meant(const struct cert_index *index, const struct cert_entry *e, const char *word)
{
	const struct cert_entry *one = cert_index_find(index, word);

	return one ? e == one : !strcmp(e->name, word);
}

/* How many are meant. */
static size_t revoke_in(struct cert_index *index, const char *word)
{
	size_t n = 0;

	for (size_t i = 0; i < index->num; i++) {
		struct cert_entry *e = &index->entries[i];

		if (!is_meant(index, e, word))
			continue;
		n++;
		if (e->state != CERT_REVOKED)
			e->since = time(NULL);
		e->state = CERT_REVOKED;
	}
	return n;
}

static void tell_revoked(const struct cert_folder *f, const struct cert_index *index, const char *word)
{
	char since[CERT_TIME_MAX];

	for (size_t i = 0; i < index->num; i++) {
		const struct cert_entry *e = &index->entries[i];

		if (!is_meant(index, e, word))
			continue;
		cert_time_text(e->since, since);
		printf("revoked: %s, serial %s, since %s\n", e->name, e->serial, since);
	}
	printf("next: copy %s/ca.crl to every opaed (\"crl\" of its \"tls\"), and send it SIGHUP\n",
	       f->path);
}

static bool write_crl(const struct cert_folder *f, const struct cert_ca *ca, const struct cert_index *index)
{
	CLEANUP_FREE char *old = NULL;
	struct cert_pem pem = { 0 };
	X509_CRL *crl;
	bool good;
	size_t len;

	if (cert_file_exists(f, "ca.crl") && !cert_file_read(f, "ca.crl", &old, &len))
		return false;
	crl = cert_crl_make(ca, index, old);
	good = crl && cert_pem_of_crl(&pem, crl) && cert_file_write(f, "ca.crl", 0644, pem.at, pem.len);
	X509_CRL_free(crl);
	cert_pem_done(&pem);
	return good;
}

static int revoke_word(struct cert_folder *f, const struct cert_ca *ca, struct cert_index *index,
		       const char *word)
{
	if (!revoke_in(index, word)) {
		cert_refuse("%s: nothing with the name or serial '%s' was issued here; `opae cert show` "
			    "lists what was", f->path, word);
		return EXIT_NOTHING_FOUND;
	}
	/* The list is made of the index: a run that ended in between is mended by the next. */
	if (!cert_index_write(f, index) || !write_crl(f, ca, index)) {
		cert_refuse("%s/ca.crl does not tell of it yet: run it again", f->path);
		return EXIT_FAILED;
	}
	tell_revoked(f, index, word);
	return EXIT_OK;
}

int cert_revoke(struct cert_args *a)
{
	struct cert_folder f = CERT_FOLDER_NONE;
	struct cert_index index = { 0 };
	struct cert_ca ca = { 0 };
	int rc = EXIT_FAILED;

	if (a->num_words != 1)
		return usage_error("cert revoke needs one name or serial, as `opae cert show` shows it");
	if (cert_folder_open(&f, a->dir ? a->dir : a->dir_default) && cert_folder_trusted(&f) &&
	    cert_folder_lock(&f) && cert_ca_read(&f, &ca) && cert_index_read(&f, &index))
		rc = revoke_word(&f, &ca, &index, a->words[0]);
	cert_index_done(&index);
	cert_ca_done(&ca);
	cert_folder_close(&f);
	return rc;
}

/* ---- arguments ---- */

bool cert_days(const struct cert_args *a, unsigned int otherwise, unsigned int *ret)
{
	uint64_t v = otherwise;

	if (a->days && (!parse_u64(a->days, &v) || v > CERT_DAYS_MAX)) {
		usage_error("--days '%s': it is a number from 0 to %d", a->days, CERT_DAYS_MAX);
		return false;
	}
	*ret = (unsigned int)v;
	return true;
}

enum { INIT = 1, ISSUE = 2, REVOKE = 4, SHOW = 8 };

static const struct verb {
	const char *name;
	int bit;
	int (*run)(struct cert_args *a);
} verbs[] = { { "init", INIT, cert_init }, { "issue", ISSUE, cert_issue_command },
	      { "revoke", REVOKE, cert_revoke }, { "show", SHOW, cert_show } };

/* One argument; more is what stands behind it. How many were taken, or 0: it is refused, and told. */
static int read_argument(const struct verb *v, const char *arg, const char *more, struct cert_args *a)
{
	const struct {
		const char *name;
		int of;
		const char **value;
		bool *flag;
	} options[] = {
		{ "--dir", INIT | ISSUE | REVOKE | SHOW, &a->dir, NULL }, { "--out", ISSUE, &a->out, NULL },
		{ "--name", INIT, &a->site, NULL },    { "--days", INIT | ISSUE, &a->days, NULL },
		{ "--server", ISSUE, NULL, &a->server }, { "--client", ISSUE, NULL, &a->client },
		{ "--renew", ISSUE, NULL, &a->renew },	{ "--json", SHOW, NULL, &a->json },
	};
	size_t k = 0, num = sizeof(options) / sizeof(options[0]);

	while (k < num && (strcmp(arg, options[k].name) || !(options[k].of & v->bit)))
		k++;
	if (k < num && options[k].flag) {
		*options[k].flag = true;
		return 1;
	}
	if (k < num && more) {
		*options[k].value = more;
		return 2;
	}
	if (k < num)
		return usage_error("%s needs an argument", arg) - EXIT_USAGE;
	if (*arg == '-')
		return usage_error("cert %s has no option '%s'", v->name, arg) - EXIT_USAGE;
	if (a->num_words == (v->bit == INIT ? 0 : v->bit == ISSUE ? CERT_NAMES_MAX : 1))
		return usage_error("'%s' is one argument too many for cert %s", arg, v->name) - EXIT_USAGE;
	a->words[a->num_words++] = arg;
	return 1;
}

int cmd_cert(int argc, char *argv[])
{
	const struct verb *v = NULL;
	struct cert_args a = { 0 };

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name))
			v = &verbs[i];
	if (!v && argc > 1)
		return usage_error("cert needs init, issue, revoke or show, not '%s'", argv[1]);
	if (!v)
		return usage_error("cert needs init, issue, revoke or show");
	for (int i = 2, taken; i < argc; i += taken) {
		taken = read_argument(v, argv[i], argv[i + 1], &a);
		if (!taken)
			return EXIT_USAGE;
	}
	if (!a.dir && !cert_folder_default(a.dir_default))
		return EXIT_FAILED;
	return v->run(&a);
}
