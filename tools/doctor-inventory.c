/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directory where v-opae keeps what it knows of devices and who holds them. Without one all works, but
 * every program asks every card anew, so what keeps it from being used is a note.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/emu-dir.h"
#include "base/inventory-dir.h"
#include "doctor.h"

#define NOT_USED "not used, so every program asks every card anew: "

static void distrust(struct subject *s, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		step_note(s, "inventory", NOT_USED "it is no directory, or a link to one");
	else if (st->st_uid != geteuid())
		step_note(s, "inventory", NOT_USED "it belongs to uid %u, and you are uid %u", st->st_uid,
			  geteuid());
	else if (st->st_mode & 022)
		step_note(s, "inventory", NOT_USED "others can write to it (mode %04o); chmod go-w %s",
			  st->st_mode & 07777u, s->shell);
	else
		step_note(s, "inventory", NOT_USED "others can put another in its place; chmod go-w %s/..",
			  s->shell);
}

static void missing(struct subject *s, const char *dir, int error)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(dir, '/');

	snprintf(parent, sizeof(parent), "%.*s", slash > dir ? (int)(slash - dir) : 1, slash ? dir : ".");
	if (error == ENOENT && !access(parent, W_OK | X_OK))
		step_ok(s, "inventory", "is made at the first look");
	else
		step_note(s, "inventory", NOT_USED "it is not there and cannot be made: %s",
			  strerror(error == ENOENT ? errno : error));
}

/* A file of the inventory may be missing; what is there has to be one. */
static bool check_file(struct subject *s, const char *dir, const char *name)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return true;
	step_note(s, "inventory", NOT_USED "%s in it is no file; rm -r %s/%s", name, s->shell, name);
	return false;
}

static bool check_room(struct subject *s, const char *dir)
{
	struct statvfs fs;

	if (access(dir, R_OK | W_OK | X_OK))
		step_note(s, "inventory", NOT_USED "you may not write to it; chmod u+rwx %s", s->shell);
	else if (statvfs(dir, &fs) || (fs.f_bavail && (!fs.f_files || fs.f_favail)))
		return true;
	else
		step_note(s, "inventory", "not kept up to date: its file system is full");
	return false;
}

static bool is_used(void)
{
	struct opaex_plugin p;
	const char *json;

	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);)
		if (!strcmp(p.state, "ready"))
			return true;
	return false;
}

void doctor_inventory(struct doctor *d)
{
	const char *from = "";
	char dir[INVENTORY_DIR_MAX];
	struct subject s;
	struct stat st;
	bool fits;

	if (!is_used())
		return;
	fits = inventory_dir_path(dir, sizeof(dir), &from);
	s = subject_new(d, "inventory", dir);
	if (!fits)
		step_note(&s, "inventory", NOT_USED "its path is too long");
	else if (lstat(dir, &st))
		missing(&s, dir, errno);
	else if (!emu_dir_trusted(dir))
		distrust(&s, &st);
	else if (check_file(&s, dir, "inventory") && check_file(&s, dir, "holders") &&
		 check_room(&s, dir))
		step_ok(&s, "inventory", "what is known of cards is kept here: %s", from);
}
