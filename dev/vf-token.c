/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/vf-token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What somebody else could read or write is no secret. */
static bool is_ours(int fd)
{
	struct stat st;

	return !sys_fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 077) && st.st_size == VF_TOKEN_LEN;
}

/* -ESTALE: it is there, and no token. */
static int read_token(const char *path, uint8_t token[VF_TOKEN_LEN])
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	ssize_t n;

	if (fd < 0)
		return fd == -ELOOP ? -ESTALE : fd;
	if (!is_ours(fd))
		return -ESTALE;
	n = sys_pread(fd, token, VF_TOKEN_LEN, 0);
	return n == VF_TOKEN_LEN ? 0 : n < 0 ? (int)n : -ESTALE;
}

/* Whole or not at all: it gets its name by a link, which fails when another process was first. */
static int make_token(const char *path)
{
	uint8_t random[VF_TOKEN_LEN + sizeof(uint64_t)];
	char temp[VF_TOKEN_PATH_MAX + 32];
	CLEANUP_CLOSE int fd = -1;
	uint64_t name;
	ssize_t n;
	int rc;

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return -EIO;
	memcpy(&name, random + VF_TOKEN_LEN, sizeof(name));
	snprintf(temp, sizeof(temp), "%s.%016llx", path, (unsigned long long)name);
	fd = sys_open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	n = sys_pwrite(fd, random, VF_TOKEN_LEN, 0);
	rc = n == VF_TOKEN_LEN ? 0 : n < 0 ? (int)n : -EIO;
	if (!rc)
		rc = sys_link(temp, path);
	sys_unlink(temp);
	return rc == -EEXIST ? 0 : rc;
}

int vf_token_get(const char *path, uint8_t token[VF_TOKEN_LEN])
{
	int rc = read_token(path, token);

	if ((rc != -ENOENT && rc != -ESTALE) || sys_is_guest())
		return rc;
	if (rc == -ESTALE) /* one that was cut off, or is somebody else's: the directory is ours alone */
		sys_unlink(path);
	rc = make_token(path);
	return rc ? rc : read_token(path, token);
}
