/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/seam.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/ask.h"
#include "daemon/spawn.h"

/* What the kernel tells of this very process, and of the machine to everybody. */
static bool is_own(const char *path)
{
	return !strncmp(path, "/proc/", 6);
}

static struct {
	const char *path;
	int fd;
} files[SEAM_FILES];

void seam_file(int i, const char *path, int fd)
{
	files[i].path = *path ? path : NULL;
	files[i].fd = fd;
}

static int worker_open(const char *path, int flags, mode_t mode)
{
	for (int i = 0; i < SEAM_FILES; i++)
		if (files[i].path && !strcmp(files[i].path, path)) {
			int fd = fcntl(files[i].fd, F_DUPFD_CLOEXEC, WORKER_FDS);

			return fd < 0 ? -errno : fd;
		}
	return is_own(path) ? sys_kernel.open(path, flags, mode) : ask_open(path, flags, mode);
}

/* The monitor's socket takes the place of the caller's. */
static int worker_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_un *un = (const void *)addr;
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	char path[sizeof(un->sun_path) + 1] = "";
	int got, rc;

	if (addr->sa_family != AF_UNIX || len <= before || len > sizeof(*un) || !un->sun_path[0])
		return sys_kernel.connect(fd, addr, len);
	memcpy(path, un->sun_path, len - before);
	got = ask_connect(path, fcntl(fd, F_GETFL) & O_NONBLOCK ? SOCK_NONBLOCK : 0);
	if (got < 0)
		return got;
	rc = sys_kernel.dup_over(got, fd);
	sys_kernel.close(got);
	return rc < 0 ? rc : 0;
}

const struct sys_ops *seam_of_worker(void)
{
	static struct sys_ops ops;

	if (!ops.size) {
		ops = sys_kernel;
		ops.open = worker_open;
		ops.connect = worker_connect;
	}
	return &ops;
}
