/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/host/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/sys.h"
#include "sim/host/settings.h"

int folder_take(struct settings *s)
{
	int fd = sys_open(s->workdir, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return -1; /* it cannot be held; the logs will tell whether it can be used */
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (errno == EWOULDBLOCK) /* on some file systems folders have no locks: then nobody holds it */
		snprintf(s->suffix, sizeof(s->suffix), ".%d", getpid());
	sys_close(fd);
	return -1;
}

void folder_path(const struct settings *s, const char *name, char *path, size_t room)
{
	snprintf(path, room, "%s/%s%s", s->workdir, name, s->suffix);
}
