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
	long long v;
	MAKE_PATH(fmt);

	if (!rc)
		rc = read_text(path, text, sizeof(text));
	if (rc)
		return rc;
	errno = 0;
	v = strtoll(text, &end, 0); /* numa_node is -1 where there is none */
	if (errno || end == text || *end)
		return -EINVAL;
	*ret = (uint64_t)v;
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

int sysfs_write(const char *text, const char *fmt, ...)
{
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;
	MAKE_PATH(fmt);

	if (rc)
		return rc;
	fd = sys_open(path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	n = sys_pwrite(fd, text, strlen(text), 0);
	if (n < 0)
		return (int)n;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}

int sysfs_list(char **ret, const char *fmt, ...)
{
	MAKE_PATH(fmt);
	return rc ? rc : sys_list(path, ret);
}
