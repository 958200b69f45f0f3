/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's "plugins" as workers get it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "daemon/session.h"

/* A file that all workers may read and none can change. */
static int file_with(const char *text)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	CLEANUP_CLOSE int fd = sys_memfd("opaed-plugins", MFD_ALLOW_SEALING);
	size_t len = strlen(text);

	if (fd < 0)
		return fd;
	if (sys_pwrite(fd, text, len, 0) != (ssize_t)len)
		return -ENOSPC;
	return fcntl(fd, F_ADD_SEALS, seals) ? -errno : fd_steal(&fd);
}

int sessions_prepare(const struct daemon_config *config)
{
	return file_with(config->plugins);
}
