/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *root = "";

void dev_set_root(const char *to)
{
	root = to ? to : "";
}

bool dev_has_root(void)
{
	return *root;
}

static int make_path(char out[DEV_PATH_MAX], const char *fmt, va_list ap)
{
	int used = snprintf(out, DEV_PATH_MAX, "%s", root), n;

	if (used < 0 || used >= DEV_PATH_MAX)
		return -ENAMETOOLONG;
	n = vsnprintf(out + used, (size_t)(DEV_PATH_MAX - used), fmt, ap);
	return n < 0 || n >= DEV_PATH_MAX - used ? -ENAMETOOLONG : 0;
}

/* Leaves `path` and `rc` behind. */
#define MAKE_PATH(last)                                                                            \
	char path[DEV_PATH_MAX];                                                                   \
	va_list ap;                                                                                \
	int rc;                                                                                    \
                                                                                                   \
	va_start(ap, last);                                                                        \
	rc = make_path(path, last, ap);                                                            \
	va_end(ap)

int dev_path(char out[DEV_PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = make_path(out, fmt, ap);
	va_end(ap);
	return rc;
}

static int read_text(const char *path, char *out, size_t len)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = sys_pread(fd, out, len, 0);
	if (n < 0)
		return (int)n;
	if ((size_t)n == len)
		return -ENAMETOOLONG;
	while (n > 0 && out[n - 1] == '\n')
		n--;
	out[n] = 0;
	return 0;
}

int sysfs_text(char *out, size_t len, const char *fmt, ...)
{
	MAKE_PATH(fmt);
	return rc ? rc : read_text(path, out, len);
}

int sysfs_number(uint64_t *ret, const char *fmt, ...)
{
	char text[64], *end;
	unsigned long long v;
	MAKE_PATH(fmt);

	if (!rc)
		rc = read_text(path, text, sizeof(text));
	if (rc)
		return rc;
	errno = 0;
	v = strtoull(text, &end, 0); /* takes -1, too: numa_node is that where there is none */
	if (errno || end == text || *end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int sysfs_link(char *out, size_t len, const char *fmt, ...)
{
	char target[DEV_PATH_MAX];
	const char *slash, *name;
	MAKE_PATH(fmt);

	if (!rc)
		rc = sys_readlink(path, target, sizeof(target));
	if (rc)
		return rc;
	slash = strrchr(target, '/');
	name = slash ? slash + 1 : target;
	if (strlen(name) >= len)
		return -ENAMETOOLONG;
	memcpy(out, name, strlen(name) + 1);
	return 0;
}

static int write_bytes(const char *path, const void *data, size_t len)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_WRONLY, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = sys_pwrite(fd, data, len, 0);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

int sysfs_write(const char *text, const char *fmt, ...)
{
	MAKE_PATH(fmt);
	return rc ? rc : write_bytes(path, text, strlen(text));
}

int sysfs_write_bytes(const void *data, size_t len, const char *fmt, ...)
{
	MAKE_PATH(fmt);
	return rc ? rc : write_bytes(path, data, len);
}

/* A page first: an attribute that is text is made anew for each read, and fits in one. */
static int read_to_end(int fd, size_t max, uint8_t **data, size_t *len)
{
	size_t room = 4096, used = 0;
	uint8_t *grown;
	ssize_t n = 1;

	while (n > 0 && used <= max) {
		room = used + 1 < room ? room : room * 2;
		grown = realloc(*data, room);
		if (!grown)
			return -ENOMEM;
		*data = grown;
		n = sys_pread(fd, grown + used, room - used - 1, (off_t)used);
		used += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return (int)n;
	if (used > max)
		return -EFBIG;
	(*data)[used] = 0;
	*len = used;
	return 0;
}

int sysfs_bytes(uint8_t **ret, size_t *len, size_t max, const char *fmt, ...)
{
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE uint8_t *data = NULL;
	uint8_t *fits;
	MAKE_PATH(fmt);

	if (rc)
		return rc;
	fd = sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	rc = read_to_end(fd, max, &data, len);
	if (rc)
		return rc;
	fits = realloc(data, *len + 1);
	*ret = fits ? fits : data;
	data = NULL;
	return 0;
}

int sysfs_mode(mode_t *ret, const char *fmt, ...)
{
	struct stat st;
	MAKE_PATH(fmt);

	if (!rc)
		rc = sys_lstat(path, &st);
	if (!rc)
		*ret = st.st_mode;
	return rc;
}

int sysfs_list(char **ret, const char *fmt, ...)
{
	MAKE_PATH(fmt);
	return rc ? rc : sys_list(path, ret);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int sysfs_names(struct sysfs_names *ret, const char *fmt, ...)
{
	CLEANUP_FREE char *text = NULL;
	size_t num = 0, i = 0;
	const char **name;
	MAKE_PATH(fmt);

	if (!rc)
		rc = sys_list(path, &text);
	if (rc)
		return rc;
	for (const char *at = text; *at; at += strlen(at) + 1)
		num++;
	name = calloc(num + 1, sizeof(*name));
	if (!name)
		return -ENOMEM;
	for (const char *at = text; *at; at += strlen(at) + 1)
		name[i++] = at;
	qsort(name, num, sizeof(*name), by_name);
	*ret = (struct sysfs_names){ name, num, text };
	text = NULL;
	return 0;
}

void sysfs_names_done(struct sysfs_names *n)
{
	free(n->name);
	free(n->text);
	*n = (struct sysfs_names){ 0 };
}
