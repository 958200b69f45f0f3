/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/watched.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/sys.h"

int watched_add(int poll, int fd, uint64_t tag)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

void watched_close(int poll, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(poll, EPOLL_CTL_DEL, *fd, NULL);
	sys_close(*fd);
	*fd = -1;
}
