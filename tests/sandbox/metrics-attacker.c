/* SPDX-License-Identifier: BSD-3-Clause */
/* In the place of opaed-metrics, and in its sandbox: does what the one who connects says. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/metrics-process.h"
#include "daemon/sandbox.h"
#include "tests/sandbox/attacker.h"

static void missing(enum sandbox_piece piece, int error)
{
	(void)piece;
	(void)error;
	_exit(EXIT_FAILURE);
}

int main(void)
{
	struct metrics_start start;
	struct sandbox s = { .files = 96, .data = (size_t)64 << 20, .filter = metrics_filter,
			     .missing = missing };
	int fd;

	signal(SIGPIPE, SIG_IGN);
	if (recv(METRICS_CHANNEL, &start, sizeof(start), 0) != sizeof(start))
		return EXIT_FAILURE;
	s.uid = start.uid;
	s.gid = start.gid;
	sandbox_enter(&s);
	while ((fd = accept4(METRICS_LISTEN, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		attacker_obey(fd);
		close(fd);
	}
	_exit(0);
}
