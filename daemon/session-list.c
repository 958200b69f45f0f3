/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-list.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

bool session_list_shows(const struct session *who, const struct session *s)
{
	return session_serves(s) && (who->sees_all || !strcmp(who->info.principal, s->info.principal));
}

int session_list_file(const struct session *first, const struct session *who)
{
	CLEANUP_CLOSE int fd = sys_memfd("opaed-sessions", 0);
	off_t at = 0;

	if (fd < 0)
		return fd;
	for (const struct session *s = first; s; s = s->next) {
		if (!session_list_shows(who, s))
			continue;
		if (sys_pwrite(fd, &s->info, sizeof(s->info), at) != (ssize_t)sizeof(s->info))
			return -ENOSPC;
		at += (off_t)sizeof(s->info);
	}
	return fd_steal(&fd);
}

void session_list_learn(struct session *s, const struct rpc_session_info *info)
{
	char principal[sizeof(s->info.principal)], peer[sizeof(s->info.peer)];

	memcpy(principal, s->info.principal, sizeof(principal));
	memcpy(peer, s->info.peer, sizeof(peer));
	s->info = *info;
	s->info.id = s->id;
	memcpy(s->info.principal, principal, sizeof(principal));
	memcpy(s->info.peer, peer, sizeof(peer));
}
