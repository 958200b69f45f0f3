/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/worker-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "daemon/session.h"
#include "daemon/watched.h"

#define PIECE 4096u
#define CLOSING 64 /* pieces: one that is not dead yet could write for ever */

int worker_log_open(struct worker_log *l, uint32_t session, const char *who, int *theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	l->session = session;
	l->who = who;
	l->have = 0;
	l->fd = ends[0];
	*theirs = ends[1];
	return 0;
}

/* A worker's log has the monitor's form, which the line gets anew. */
static void end_line(struct worker_log *l)
{
	static const char own[] = "opaed: ";
	size_t skip = sizeof(own) - 1;
	char part[32];

	if (l->have < skip || memcmp(l->line, own, skip) != 0)
		skip = 0;
	snprintf(part, sizeof(part), l->session >= SCOUT_IDS ? "scout" : "session %u", l->session);
	if (l->have > skip)
		log_at(LOG_LEVEL_INFO, LOG_WHOSE(l->who, part), "%s: worker: %.*s", part,
		       (int)(l->have - skip), l->line + skip);
	l->have = 0;
}

bool worker_log_read(struct worker_log *l)
{
	char piece[PIECE];
	ssize_t n = l->fd < 0 ? -EBADF : sys_read(l->fd, piece, sizeof(piece));

	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == '\n' || l->have == sizeof(l->line))
			end_line(l);
		if (piece[i] != '\n')
			l->line[l->have++] = piece[i] ? piece[i] : '?';
	}
	if (!n) /* the worker has closed it */
		watched_close(l->poll, &l->fd);
	return n > 0;
}

void worker_log_close(struct worker_log *l)
{
	for (int i = 0; i < CLOSING && worker_log_read(l); i++)
		;
	end_line(l);
	watched_close(l->poll, &l->fd);
}
