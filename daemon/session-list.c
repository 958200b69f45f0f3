/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-list.h"

#include <errno.h>

#include "base/cleanup.h"

int session_list_file(const struct session *first)
{
	CLEANUP_CLOSE int fd = sys_memfd("opaed-sessions", 0);
	off_t at = 0;

	if (fd < 0)
		return fd;
	for (const struct session *s = first; s; s = s->next) {
		if (s->refused)
			continue;
		if (sys_pwrite(fd, &s->info, sizeof(s->info), at) != (ssize_t)sizeof(s->info))
			return -ENOSPC;
		at += (off_t)sizeof(s->info);
	}
	return fd_steal(&fd);
}
