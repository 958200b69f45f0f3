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

static void add(struct places *ps, const char *path, const char *address, enum place_origin origin)
{
	struct place *grown = reallocarray(ps->list, ps->n + 1, sizeof(*grown));

	if (!grown)
		return;
	ps->list = grown;
	grown += ps->n;
	snprintf(grown->address, sizeof(grown->address), "%s", address);
	grown->origin = origin;
	grown->scans = false;
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
	add(ps, json_object_get_string(path), address, PLACE_CONFIGURED);
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

/* In the home directory, when this user has one. */
static bool fix_elsewhere(struct subject *s)
{
	const char *home = getenv("HOME");
	bool good = home && *home == '/' && strlen(home) + sizeof("/.opae-emu") <= EMU_DIR_MAX &&
		    !access(home, W_OK | X_OK);

	return fix(s, "export OPAEX_EMU_DIR=%s; opae emu start",
		   good ? "$HOME/.opae-emu" : "$(mktemp -d)/emu");
}

/* Says why the directory is not trusted; the first reason counts. */
static bool distrust(struct subject *s, const char *dir)
{
	char parent[PATH_MAX_DIR + 4];
	struct stat st;

	if (lstat(dir, &st)) {
		step_wrong(s, "directory", "it cannot be reached: %s", strerror(errno));
		return fix_elsewhere(s);
	}
	if (!S_ISDIR(st.st_mode)) {
		step_wrong(s, "directory", "it is no directory, or a link to one, and so not trusted");
		return fix(s, "rm %s; opae emu start", s->shell);
	}
	if (st.st_uid != geteuid()) {
		step_wrong(s, "directory", "it belongs to uid %u, and you are uid %u: not trusted",
			   st.st_uid, geteuid());
		return fix_elsewhere(s);
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
			add(ps, cards[i].path, address, PLACE_IN_DIRECTORY);
	}
	free(cards);
}

static bool check_length(struct subject *s, const char *dir)
{
	if (strlen(dir) < EMU_DIR_MAX)
		return true;
	step_wrong(s, "directory", "its path has %zu bytes; with at most %d a card's socket has room",
		   strlen(dir), EMU_DIR_MAX - 1);
	return fix_elsewhere(s);
}

/* why_not: why no plugin looks there; NULL: one does. */
static void look_in_directory(struct doctor *d, struct places *ps, const char *why_not)
{
	char dir[PATH_MAX_DIR];
	struct subject s;
	struct stat st;
	bool fits;

	if (!emu_dir_path(dir, sizeof(dir)) || (why_not && lstat(dir, &st)))
		return; /* nobody looks there, and nothing is there */
	s = subject_new(d, "directory", dir);
	fits = check_length(&s, dir);
	if (lstat(dir, &st) && errno == ENOENT) {
		if (fits)
			step_note(&s, "directory", "is not there: no emulated card was started yet");
		return;
	}
	if (!emu_dir_trusted(dir)) {
		if (hosts_alone())
			step_note(&s, "directory", "%s", why_not);
		else
			distrust(&s, dir);
		return;
	}
	if (why_not)
		step_note(&s, "directory", "%s", why_not);
	else
		step_ok(&s, "directory", "the plugin looks here");
	add_cards(ps, &s, dir, !why_not);
}

/* ---- all of them ---- */

/* Of all places, the one that is asked for. A path that is none of them is a place of its own. */
static void keep_only(struct places *ps, const char *only)
{
	struct places kept = { 0 };
	struct place *p = *only == '/' ? find(ps, only) : NULL;

	for (size_t i = 0; i < ps->n; i++)
		if (&ps->list[i] == p || !strcmp(ps->list[i].address, only))
			add(&kept, ps->list[i].path, ps->list[i].address, ps->list[i].origin);
	if (*only == '/' && !p)
		add(&kept, only, "", PLACE_ASKED);
	places_free(ps->list, ps->n);
	*ps = kept;
}

/* Does a working plugin look in the emulator directory; says in why what keeps it from that. */
static bool look_in_configurations(struct places *ps, char *why, size_t len)
{
	struct opaex_plugin p;
	bool scans = false, any_ready = false;
	const char *json;

	snprintf(why, len, "nobody looks here: no plugin in force serves sockets");
	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);) {
		bool ready = !strcmp(p.state, "ready"), named = add_configured(ps, json, ready);

		scans |= ready && !named;
		if (ready)
			snprintf(why, len, "\"%s\" does not look here: its configuration names "
					   "sockets", p.name);
		else if (!any_ready)
			snprintf(why, len, "nobody looks here: the plugin \"%s\" %s %s", p.name,
				 verb_of(p.state), p.state);
		any_ready |= ready;
	}
	return scans;
}

void places_find(struct doctor *d, struct place **list, size_t *n)
{
	struct places ps = { 0 };
	char why[200];
	bool scans = look_in_configurations(&ps, why, sizeof(why));

	look_in_directory(d, &ps, scans ? NULL : why);
	if (d->only)
		keep_only(&ps, d->only);
	for (size_t i = 0; i < ps.n; i++)
		ps.list[i].scans = scans;
	*list = ps.list;
	*n = ps.n;
}

void places_free(struct place *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].path);
	free(list);
}

/* A link in the directory: to name the socket in a configuration would hide the cards that are there. */
static bool fix_by_link(struct subject *s, const char *path)
{
	char dir[EMU_DIR_MAX], folder[EMU_DIR_MAX * 4], link[PATH_MAX_DIR];
	const char *name = strrchr(path, '/') + 1, *dot = strrchr(name, '.');
	char *whole;

	if (!emu_dir_path(dir, sizeof(dir)))
		return fix_elsewhere(s);
	if (asprintf(&whole, "%s/%s%s", dir, name, dot && !strcmp(dot, ".sock") ? "" : ".sock") < 0)
		return false;
	shell_quote(dir, folder, sizeof(folder));
	shell_quote(whole, link, sizeof(link));
	free(whole);
	return fix(s, "mkdir -p -m 700 %s; ln -s %s %s", folder, s->shell, link);
}

bool check_places(struct subject *s, const struct place *p)
{
	if (*p->address)
		return step_ok(s, "configured", "the plugin looks at it, as %s", p->address);
	step_wrong(s, "configured", "no working plugin's configuration leads to this socket");
	if (p->scans)
		return fix_by_link(s, p->path);
	return fix(s, "$EDITOR %s   # add \"%s\" to \"sockets\" in \"configuration\" of \"vfio\"",
		   config_name(), p->path);
}
