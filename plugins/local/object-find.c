/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dev/sysfs.h"
#include "plugins/local/object.h"

#define DEEP "**"
#define MAX_DEEP 5 /* folders that it can stand for */

/* A way through the tree: the path so far, and what of the name is left. */
struct way {
	struct finds *finds;
	const struct dfl_device *dev;
	bool glob;
	char path[OBJECT_PATH_MAX];
};

void finds_done(struct finds *f)
{
	free(f->list);
	f->list = NULL;
	f->num = 0;
}

static int add(struct finds *f, const char *path, mode_t mode)
{
	struct found *grown;

	if (f->num == OBJECT_MAX_FOUND)
		return -E2BIG;
	/* Doubled at each power of two. */
	if (!(f->num & (f->num - 1))) {
		grown = reallocarray(f->list, f->num ? f->num * 2 : 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		f->list = grown;
	}
	snprintf(f->list[f->num].path, OBJECT_PATH_MAX, "%s", path);
	f->list[f->num++].mode = mode;
	return 0;
}

/* Puts a name behind the path; where it was cut off again stands in *len. */
static int push(struct way *w, const char *name, size_t name_len, size_t *len)
{
	size_t n = strlen(w->path), slash = n ? 1 : 0;

	*len = n;
	if (n + slash + name_len >= sizeof(w->path))
		return -ENAMETOOLONG;
	if (slash)
		w->path[n] = '/';
	memcpy(w->path + n + slash, name, name_len);
	w->path[n + slash + name_len] = 0;
	return 0;
}

static int mode_of(const struct way *w, mode_t *mode)
{
	int rc = sysfs_mode(mode, "%s/%s", w->dev->dir, w->path);

	if (rc == -ENOTDIR)
		return -ENOENT;
	return rc || S_ISREG(*mode) || S_ISDIR(*mode) ? rc : -ENOENT;
}

static int follow(struct way *w, const char *rest);

/* One name of the folder that the path leads to; `rest` is what comes behind it, NULL: nothing. */
static int step(struct way *w, const char *name, size_t name_len, const char *rest)
{
	mode_t mode;
	size_t len;
	int rc = push(w, name, name_len, &len);

	if (!rc)
		rc = mode_of(w, &mode);
	if (!rc && !rest)
		rc = add(w->finds, w->path, mode);
	else if (!rc)
		rc = S_ISDIR(mode) ? follow(w, rest) : -ENOENT;
	w->path[len] = 0;
	return rc;
}

/* Each name that the pattern fits. What is not there, or not for us, keeps none of the others. */
static int step_each(struct way *w, const char *pattern, const char *rest)
{
	struct sysfs_names names;
	int rc = sysfs_names(&names, "%s/%s", w->dev->dir, w->path);

	if (rc)
		return rc;
	for (size_t i = 0; i < names.num && !rc; i++) {
		if (fnmatch(pattern, names.name[i], FNM_PERIOD))
			continue;
		rc = step(w, names.name[i], strlen(names.name[i]), rest);
		if (rc == -ENOENT || rc == -EACCES || rc == -ENAMETOOLONG || rc == -ENODEV)
			rc = 0;
	}
	sysfs_names_done(&names);
	return rc;
}

static bool has_wildcard(const char *part, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("*?[\\", part[i]))
			return true;
	return false;
}

/* Slashes that follow each other, or end the name, are as one and none, as in any path. */
static int follow(struct way *w, const char *rest)
{
	const char *part = rest + strspn(rest, "/");
	size_t len = strcspn(part, "/");
	const char *next = part + len + strspn(part + len, "/");
	char pattern[256];

	if (!len)
		return -ENOENT;
	if (!*next)
		next = NULL;
	if (!w->glob || !has_wildcard(part, len))
		return step(w, part, len, next);
	if (len >= sizeof(pattern))
		return -ENAMETOOLONG;
	memcpy(pattern, part, len);
	pattern[len] = 0;
	return step_each(w, pattern, next);
}

/* Where "**" stands as a part with something behind it; NULL: nowhere. */
static const char *find_deep(const char *pattern)
{
	for (const char *at = pattern; (at = strstr(at, DEEP "/")); at++)
		if (at == pattern || at[-1] == '/')
			return at;
	return NULL;
}

const char *name_problem(const char *name, bool glob)
{
	const char *deep = glob ? find_deep(name) : NULL;

	if (!*name)
		return "the name is empty";
	if (*name == '.' || *name == '/' || strstr(name, ".."))
		return "a name does not begin with '.' or '/' and has no \"..\"";
	if (deep && find_deep(deep + strlen(DEEP "/")))
		return "\"/**/\" can stand in it once";
	return NULL;
}

/* "a/" DEEP "/b" as "a/" "*" "/b", then with two of them, and so on until something is found. */
static int follow_deep(struct way *w, const char *name, const char *deep)
{
	size_t head = (size_t)(deep - name);
	const char *tail = deep + strlen(DEEP "/");
	char pattern[OBJECT_PATH_MAX + 2 * MAX_DEEP];
	int rc = 0;

	if (strlen(name) >= OBJECT_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(pattern, name, head);
	for (size_t k = 1; k <= MAX_DEEP && !rc && !w->finds->num; k++) {
		memcpy(pattern + head + 2 * (k - 1), "*/", 2);
		memcpy(pattern + head + 2 * k, tail, strlen(tail) + 1);
		rc = follow(w, pattern);
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (w->finds->num > 1)
		w->finds->num = 1;
	return rc;
}

/* Its parts before the first that is a pattern, and not the last one. */
static void set_folder(struct finds *f, const char *base, const char *name)
{
	struct way w = { 0 };
	size_t len;

	push(&w, base, strlen(base), &len);
	for (const char *slash; (slash = strchr(name, '/')); name = slash + 1) {
		size_t part = (size_t)(slash - name);

		if (has_wildcard(name, part))
			break;
		if (part && push(&w, name, part, &len))
			break;
	}
	memcpy(f->folder, w.path, sizeof(f->folder));
}

int finds_get(struct finds *f, const struct dfl_device *d, const char *base, const char *name, bool glob)
{
	const char *deep = glob ? find_deep(name) : NULL;
	struct way w = { .finds = f, .dev = d, .glob = glob };
	size_t len;
	int rc;

	*f = (struct finds){ 0 };
	rc = push(&w, base, strlen(base), &len);
	if (rc)
		return rc;
	if (glob)
		set_folder(f, base, name);
	rc = deep ? follow_deep(&w, name, deep) : follow(&w, name);
	return rc || f->num ? rc : -ENOENT;
}
