/* SPDX-License-Identifier: BSD-3-Clause */
/* opae cert show: what there is, and until when. Exit code 1 when something ends soon, for a cron job. */
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cert.h"
#include "opae.h"

/* One certificate, as it is shown. */
struct row {
	const char *name, *serial, *sans, *state;
	time_t until;
	bool counts; /* somebody needs it: that it ends soon is told */
};

struct table {
	struct json_object *array; /* NULL: for people */
	time_t now;
	size_t num, soon;
};

static int64_t days_left(const struct table *t, time_t until)
{
	int64_t left = (int64_t)until - t->now;

	return left >= 0 ? left / CERT_DAY : -((-left + CERT_DAY - 1) / CERT_DAY);
}

static void add_json(struct table *t, const struct row *r, const char *until, bool soon)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(r->name));
	json_object_object_add(o, "serial", json_object_new_string(r->serial));
	json_object_object_add(o, "state", json_object_new_string(r->state));
	json_object_object_add(o, "until", json_object_new_string(until));
	json_object_object_add(o, "days_left", json_object_new_int64(days_left(t, r->until)));
	json_object_object_add(o, "ends_soon", json_object_new_boolean(soon));
	json_object_object_add(o, "names", json_object_new_string(r->sans));
	json_object_array_add(t->array, o);
}

static void add_row(struct table *t, const struct row *r)
{
	bool over = r->until <= t->now;
	bool soon = r->counts && r->until < t->now + (time_t)CERT_WARN_DAYS * CERT_DAY;
	struct row shown = *r;
	char until[CERT_TIME_MAX];

	cert_time_text(r->until, until);
	if (over && strcmp(r->state, cert_state_name(CERT_REVOKED)))
		shown.state = "expired";
	t->num++;
	t->soon += soon;
	if (t->array) {
		add_json(t, &shown, until, soon);
		return;
	}
	if (t->num == 1)
		printf("%-20s %-8s %-20s %6s  %-32s  %s\n", "NAME", "STATE", "UNTIL", "DAYS", "SERIAL",
		       "NAMES");
	printf("%-20s %-8s %-20s %6" PRId64 "  %-32s  %s\n", r->name, shown.state, until,
	       days_left(t, r->until), r->serial, r->sans);
}

static void add_entry(struct table *t, const struct cert_entry *e)
{
	struct row r = { e->name, e->serial, e->sans, cert_state_name(e->state), e->until,
			 e->state == CERT_VALID };

	add_row(t, &r);
}

/* Of a certificate itself; state is what is known of it. */
static bool add_cert(struct table *t, const X509 *x, const char *name, enum cert_state state)
{
	CLEANUP_FREE char *sans = cert_sans_text(x);
	char *serial = cert_serial_text(x);
	struct row r = { name, serial, sans, cert_state_name(state), cert_until(x), state == CERT_VALID };
	bool good = sans && serial;

	if (good)
		add_row(t, &r);
	OPENSSL_free(serial);
	return good || cert_refuse("there is no memory left");
}

static X509 *read_cert(const struct cert_folder *f, const char *path)
{
	CLEANUP_FREE char *pem = NULL;
	X509 *x;
	size_t len;

	if (f ? !cert_file_read(f, "ca.crt", &pem, &len) : !cert_path_read(AT_FDCWD, path, path, &pem, &len))
		return NULL;
	x = cert_parse(pem, len);
	if (!x)
		cert_refuse("%s%s: this is no certificate in PEM", f ? f->path : path, f ? "/ca.crt" : "");
	return x;
}

static bool show_folder(const char *path, struct table *t)
{
	struct cert_folder f = CERT_FOLDER_NONE;
	struct cert_index index = { 0 };
	X509 *ca = cert_folder_open(&f, path) ? read_cert(&f, NULL) : NULL;
	bool good = ca && cert_index_read(&f, &index) && add_cert(t, ca, "ca", CERT_VALID);

	for (size_t i = 0; good && i < index.num; i++)
		add_entry(t, &index.entries[i]);
	cert_index_done(&index);
	X509_free(ca);
	cert_folder_close(&f);
	return good;
}

/* As the authority has it, when it has issued it. */
static bool state_of(const X509 *x, const char *dir, enum cert_state *ret)
{
	struct cert_folder f = CERT_FOLDER_NONE;
	struct cert_index index = { 0 };
	char *serial = cert_serial_text(x);
	const struct cert_entry *e;
	bool good = serial && cert_folder_open(&f, dir) && cert_index_read(&f, &index);

	e = good ? cert_index_find(&index, serial) : NULL;
	if (e)
		*ret = e->state;
	OPENSSL_free(serial);
	cert_index_done(&index);
	cert_folder_close(&f);
	return good;
}

/* Where clients are there is none, and a file is shown as it is. */
static bool is_authority(const char *dir)
{
	char path[PATH_MAX + CERT_FILE_MAX];

	snprintf(path, sizeof(path), "%s/index", dir);
	return !access(path, R_OK);
}

static bool show_file(const struct cert_args *a, struct table *t)
{
	enum cert_state state = CERT_VALID;
	X509 *x = read_cert(NULL, a->words[0]);
	const char *dir = a->dir ? a->dir : is_authority(a->dir_default) ? a->dir_default : NULL;
	bool good = x && (!dir || state_of(x, dir, &state)) && add_cert(t, x, a->words[0], state);

	X509_free(x);
	return good;
}

int cert_show(struct cert_args *a)
{
	struct table t = { .array = a->json ? json_object_new_array() : NULL, .now = time(NULL) };

	if (a->num_words ? !show_file(a, &t) : !show_folder(a->dir ? a->dir : a->dir_default, &t)) {
		json_object_put(t.array);
		return EXIT_FAILED;
	}
	if (t.array)
		print_json("certificates", t.array);
	if (t.soon)
		fprintf(stderr, "opae: %zu of them %s %d days or less; `opae cert issue --renew` makes new "
				"ones, `opae cert revoke` ends what nobody needs\n", t.soon,
			t.soon == 1 ? "has" : "have", CERT_WARN_DAYS);
	return t.soon ? EXIT_FAILED : EXIT_OK;
}
