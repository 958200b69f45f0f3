/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where cards' sockets may be: those that the plugins' configurations name, those in the emulator
 * directory, and the one that is asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/emu-dir.h"
#include "doctor.h"

#define FIRST_SEGMENT 0x8000u /* of sockets that are named without an address */
#define PATH_MAX_DIR 4096

struct places {
	struct place *list;
	size_t n;
};

static void add(struct places *ps, const char *path, const char *address)
{
	struct place *grown = reallocarray(ps->list, ps->n + 1, sizeof(*grown));

	if (!grown)
		return;
	ps->list = grown;
	grown += ps->n;
	snprintf(grown->address, sizeof(grown->address), "%s", address);
	grown->path = strdup(path);
	ps->n += grown->path != NULL;
}

/* Two ways to write one path are one place. */
static struct place *find(const struct places *ps, const char *path)
{
	struct stat wanted, st;
	bool there = !stat(path, &wanted);

	for (size_t i = 0; i < ps->n; i++)
		if (!strcmp(ps->list[i].path, path) ||
		    (there && !stat(ps->list[i].path, &st) && st.st_ino == wanted.st_ino &&
		     st.st_dev == wanted.st_dev))
			return &ps->list[i];
	return NULL;
}

/* ---- the configuration ---- */

static void add_named(struct places *ps, struct json_object *entry, size_t i, bool ready)
{
	struct json_object *path = entry, *given = NULL;
	char address[24];

	if (json_object_is_type(entry, json_type_object)) {
		json_object_object_get_ex(entry, "address", &given);
		if (!json_object_object_get_ex(entry, "path", &path))
			return;
	}
	if (!json_object_is_type(path, json_type_string))
		return; /* the plugin has refused it, and says so */
	if (!ready)
		*address = 0;
	else if (!json_object_is_type(given, json_type_string) ||
		 !address_normal(json_object_get_string(given), address, sizeof(address)))
		snprintf(address, sizeof(address), "%04zx:00:00.0", FIRST_SEGMENT + i);
	add(ps, json_object_get_string(path), address);
}

/* The sockets that a plugin's configuration names. False: none, so it looks in the directory. */
static bool add_configured(struct places *ps, const char *json, bool ready)
{
	struct json_object *o = json_tokener_parse(json), *list;
	bool named = json_object_object_get_ex(o, "sockets", &list);

	for (size_t i = 0; named && json_object_is_type(list, json_type_array) &&
			   i < json_object_array_length(list); i++)
		add_named(ps, json_object_array_get_idx(list, i), i, ready);
	json_object_put(o);
	return named;
}

/* ---- the emulator directory ---- */

/* Says why the directory is not trusted; the first reason counts. */
static bool distrust(struct subject *s, const char *dir)
{
	char parent[PATH_MAX_DIR + 4];
	struct stat st;

	if (lstat(dir, &st)) {
		step_wrong(s, "directory", "it cannot be reached: %s", strerror(errno));
		return fix(s, "export OPAEX_EMU_DIR=$HOME/.opae-emu; opae emu start");
	}
	if (!S_ISDIR(st.st_mode)) {
		step_wrong(s, "directory", "it is no directory, or a link to one, and so not trusted");
		return fix(s, "rm %s; opae emu start", s->shell);
	}
	if (st.st_uid != geteuid()) {
		step_wrong(s, "directory", "it belongs to uid %u, and you are uid %u: not trusted",
			   st.st_uid, geteuid());
		return fix(s, "export OPAEX_EMU_DIR=$HOME/.opae-emu; opae emu start");
	}
	if (st.st_mode & 022) {
		step_wrong(s, "directory", "others can write to it (mode %04o): not trusted",
			   st.st_mode & 07777u);
		return fix(s, "chmod go-w %s", s->shell);
	}
	snprintf(parent, sizeof(parent), "%s/..", dir);
	if (stat(parent, &st))
		st = (struct stat){ 0 };
	step_wrong(s, "directory", "others can put another in its place (its parent is of uid %u, "
				   "mode %04o): not trusted", st.st_uid, st.st_mode & 07777u);
	return fix(s, "chmod go-w %s/..", s->shell);
}

static void add_cards(struct places *ps, struct subject *s, const char *dir, bool scanned)
{
	struct emu_card *cards;
	size_t n;
	int rc = emu_dir_list(dir, &cards, &n);

	if (rc) {
		step_wrong(s, "sockets", "it cannot be read: %s", strerror(-rc));
		fix(s, "chmod u+rwx %s", s->shell);
		return;
	}
	if (n)
		step_ok(s, "sockets", "%zu in it", n);
	else
		step_note(s, "sockets", "none is in it: no emulated card runs");
	for (size_t i = 0; i < n; i++) {
		char address[24] = "";

		if (scanned)
			snprintf(address, sizeof(address), "%04x:00:00.0", cards[i].segment);
		if (!find(ps, cards[i].path))
			add(ps, cards[i].path, address);
	}
	free(cards);
}

static void look_in_directory(struct doctor *d, struct places *ps, bool scanned)
{
	char dir[PATH_MAX_DIR];
	struct subject s;
	struct stat st;

	if (!emu_dir_path(dir, sizeof(dir)))
		return;
	if (!scanned && lstat(dir, &st))
		return; /* nobody looks there, and nothing is there */
	s = subject_new(d, "directory", dir);
	if (lstat(dir, &st) && errno == ENOENT) {
		step_note(&s, "directory", "is not there: no emulated card was started yet");
		return;
	}
	if (!emu_dir_trusted(dir)) {
		distrust(&s, dir);
		return;
	}
	step_ok(&s, "directory", scanned ? "the plugin looks here" :
					   "the plugin does not look here: its configuration names "
					   "sockets, or it does not work");
	add_cards(ps, &s, dir, scanned);
}

/* ---- all of them ---- */

/* Of all places, the one that is asked for. A path that is none of them is a place of its own. */
static void keep_only(struct places *ps, const char *only)
{
	struct places kept = { 0 };
	struct place *p = *only == '/' ? find(ps, only) : NULL;

	for (size_t i = 0; i < ps->n; i++)
		if (&ps->list[i] == p || !strcmp(ps->list[i].address, only))
			add(&kept, ps->list[i].path, ps->list[i].address);
	if (*only == '/' && !p)
		add(&kept, only, "");
	places_free(ps->list, ps->n);
	*ps = kept;
}

void places_find(struct doctor *d, struct place **list, size_t *n)
{
	struct places ps = { 0 };
	struct opaex_plugin p;
	bool scanned = false;
	const char *json;

	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);) {
		bool ready = !strcmp(p.state, "ready");

		scanned |= !add_configured(&ps, json, ready) && ready;
	}
	look_in_directory(d, &ps, scanned);
	if (d->only)
		keep_only(&ps, d->only);
	*list = ps.list;
	*n = ps.n;
}

void places_free(struct place *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].path);
	free(list);
}

bool check_places(struct subject *s, const struct place *p)
{
	if (*p->address)
		return step_ok(s, "configured", "the plugin looks at it, as %s", p->address);
	step_wrong(s, "configured", "no working plugin's configuration leads to this socket");
	if (*opaex_config_path() || strcmp(s->shell, p->path))
		return fix(s, "$EDITOR %s   # add \"%s\" to \"sockets\" in \"configuration\" of \"vfio\"",
			   config_name(), p->path);
	return fix(s, "mkdir -p ~/.config/opae; echo '{\"plugins\": [\"vfio\"], \"configurations\": "
		      "{\"vfio\": {\"enabled\": true, \"plugin\": \"libv-opae.so\", "
		      "\"configuration\": {\"sockets\": [\"%s\"]}}}}' > ~/.config/opae/opae.cfg",
		   p->path);
}
