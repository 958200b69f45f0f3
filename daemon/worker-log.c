/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/worker-log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "daemon/log.h"

#define PIECE 4096u
#define CLOSING 64

static int ends[2] = { -1, -1 };
static char line[LOG_LINE_MAX / 2]; /* what has come of one; escaped it may be longer */
static size_t have;

int worker_log_open(void)
{
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;
}

static void end_line(void)
{
	static const char own[] = "opaed: ";
	size_t skip = have >= sizeof(own) - 1 && !memcmp(line, own, sizeof(own) - 1) ? sizeof(own) - 1 : 0;

	if (have > skip)
		log_line("worker: %.*s", (int)(have - skip), line + skip);
	have = 0;
}

bool worker_log_read(void)
{
	char piece[PIECE];
	ssize_t n = ends[0] < 0 ? -EBADF : sys_read(ends[0], piece, sizeof(piece));

	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == '\n' || have == sizeof(line))
			end_line();
		if (piece[i] != '\n')
			line[have++] = piece[i] ? piece[i] : '?';
	}
	return n == sizeof(piece);
}

void worker_log_close(void)
{
	for (int i = 0; i < CLOSING && worker_log_read(); i++)
		; /* one that is not dead yet could write for ever */
	end_line();
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			sys_close(ends[i]);
		ends[i] = -1;
	}
}

int worker_log_fd(void)
{
	return ends[0];
}

int worker_log_end(void)
{
	return ends[1];
}
