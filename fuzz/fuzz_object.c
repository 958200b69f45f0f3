/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names and patterns of sysobjects, over a small tree with links that lead out of it: what is found is
 * in it, named as it was asked for, and once. The first byte of the input: bit 0 it is a
 * pattern, bits 1 and 2 how much is loaded, bits 3 and 4 in which folder it is looked for; the rest is
 * the name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "fuzz/target.h"
#include "plugins/local/object.h"

#define DIR "/sys/class/fpga_region/region0/dfl-fme.0"
#define MAX_CALLS 20000u

/* Folders end with a slash, links with an at sign. */
static const char *const tree[] = {
	"a/", "a/b/", "a/b/c/", "a/b/c/d/", "a/b/c/d/e/", "a/b/c/d/e/f/", "a/b/c/d/e/f/deep",
	"a/b/x", "a/b/y", "a/link@", "a/x", "a/z*", "bitstream_id", "dev", "empty/", "errors/",
	"errors/[odd]", "errors/\\", "errors/first_error", "errors/fme_errors", "errors/\xff",
	"hwmon/", "hwmon/hwmon0/", "hwmon/hwmon0/device@", "hwmon/hwmon0/temp1_input",
	"hwmon/hwmon0/temp2_input", "hwmon/hwmon1/", "hwmon/hwmon1/temp1_input", "subsystem@",
	".hidden",
};

#define NUM_TREE (sizeof(tree) / sizeof(tree[0]))

static unsigned int calls;

static const char *relative(const char *path)
{
	if (strncmp(path, DIR, strlen(DIR)) || (path[strlen(DIR)] && path[strlen(DIR)] != '/'))
		abort(); /* it is looked for elsewhere */
	path += strlen(DIR);
	return path + strspn(path, "/");
}

/* The name's length without its mark, which is '/', '@' or 0. */
static size_t unmarked(const char *name, char *mark)
{
	size_t n = strlen(name);

	*mark = strchr("/@", name[n - 1]) ? name[n - 1] : 0;
	return *mark ? n - 1 : n;
}

static const char *lookup(const char *path, char *mark)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < NUM_TREE; i++)
		if (unmarked(tree[i], mark) == len && !memcmp(tree[i], path, len))
			return tree[i];
	return NULL;
}

static int tree_lstat(const char *path, struct stat *st)
{
	char mark;

	if (++calls > MAX_CALLS)
		abort();
	if (!lookup(relative(path), &mark))
		return -ENOENT;
	memset(st, 0, sizeof(*st));
	st->st_mode = mark == '/' ? S_IFDIR | 0755 : mark ? S_IFLNK | 0777 : S_IFREG | 0644;
	return 0;
}

static int tree_list(const char *path, char **ret)
{
	const char *dir = relative(path);
	size_t len = strlen(dir), used = 0;
	char mark, *out;

	if (++calls > MAX_CALLS)
		abort();
	if (len && !lookup(dir, &mark))
		return -ENOENT;
	if (len && mark != '/')
		return -ENOTDIR;
	out = calloc(1, 1024);
	if (!out)
		return -ENOMEM;
	for (size_t i = NUM_TREE; i-- > 0;) { /* not by name */
		size_t n = unmarked(tree[i], &mark), from = len ? len + 1 : 0;

		if (n <= from || strncmp(tree[i], dir, len) || (len && tree[i][len] != '/') ||
		    memchr(tree[i] + from, '/', n - from))
			continue;
		memcpy(out + used, tree[i] + from, n - from);
		used += n - from + 1;
	}
	*ret = out;
	return 0;
}

static int tree_open(const char *path, int flags, mode_t mode)
{
	char mark;

	(void)flags;
	(void)mode;
	return lookup(relative(path), &mark) ? mark ? -EISDIR : 1000 : -ENOENT;
}

static int tree_close(int fd)
{
	return fd == 1000 ? 0 : -EBADF;
}

static ssize_t tree_pread(int fd, void *buf, size_t len, off_t off)
{
	(void)fd;
	if (off)
		return 0;
	memset(buf, '7', len < 3 ? len : 3);
	return len < 3 ? (ssize_t)len : 3;
}

/* ---- what must hold ---- */

static void check_finds(const struct finds *f, const char *base)
{
	for (size_t i = 0; i < f->num; i++) {
		const char *path = f->list[i].path;
		char mark;

		if (!lookup(path, &mark) || mark == '@' || strstr(path, "..") ||
		    strncmp(path, base, strlen(base)))
			abort();
		if (i && strcmp(path, f->list[i - 1].path) == 0)
			abort();
	}
}

static void check_object(const struct sysobject *o)
{
	char mark;

	if (*o->path && (!lookup(o->path, &mark) || (mark == '/') != o->folder))
		abort();
	if (!o->folder && (o->rc || o->len != 3 || memcmp(o->data, "777", 4)))
		abort();
	for (uint32_t i = 0; i < o->num; i++) {
		check_object(o->children[i]);
		if (i && strcmp(o->children[i - 1]->path, o->children[i]->path) == 0)
			abort();
	}
}

static void find_and_load(const struct dfl_device *d, const char *base, const char *name, bool glob,
			  enum depth depth)
{
	struct sysobject *o = NULL, *copy;
	struct finds f;
	int rc = finds_get(&f, d, base, name, glob);

	if (!rc && (!f.num || (!glob && f.num != 1)))
		abort();
	if (rc > 0 || (rc && rc != -ENOENT && rc != -ENAMETOOLONG && rc != -ENOTDIR))
		abort();
	check_finds(&f, base);
	if (!rc && object_load(&o, NULL, d, &f, depth))
		abort();
	finds_done(&f);
	if (!o)
		return;
	check_object(o);
	copy = object_clone(o);
	object_free(o);
	if (!copy)
		abort();
	check_object(copy);
	object_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const bases[] = { "", "errors", "hwmon/hwmon0", "a/b" };
	const struct dfl_device d = { .dir = DIR, .node = "/dev/dfl-fme.0" };
	struct sys_ops ops = sys_kernel;
	char *name;

	if (!len)
		return 0;
	name = strndup((const char *)data + 1, len - 1);
	if (!name)
		return 0;
	ops.lstat = tree_lstat;
	ops.list = tree_list;
	ops.open = tree_open;
	ops.close = tree_close;
	ops.pread = tree_pread;
	sys_set(&ops);
	calls = 0;
	if (!name_problem(name, data[0] & 1))
		find_and_load(&d, bases[data[0] >> 3 & 3], name, data[0] & 1,
			      (enum depth)((data[0] >> 1 & 3) % 3));
	sys_set(NULL);
	free(name);
	return 0;
}
