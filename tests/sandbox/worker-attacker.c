/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In the worker's place: reads START, enters the sandbox as a worker does, and then does what its peer says,
 * line by line: the name of an attack and its argument. Answers with "done VALUE" or "refused ERRNO".
 *
 * `opaed-attacker NAME ARG` does it without a sandbox: for tests to see that the attack itself is sound.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/sandbox.h"
#include "daemon/spawn.h"
#include "tests/sandbox/attacker.h"

static void missing(enum sandbox_piece piece, int error)
{
	struct channel_message m;

	m.type = CHANNEL_MISSING;
	m.id = (uint32_t)error;
	m.value = piece;
	channel_send(WORKER_CHANNEL, &m, -1);
}

static int enter(void)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	struct channel_message m;
	struct sandbox s = { .files = SANDBOX_FILES,
			     .threads = SANDBOX_THREADS,
			     .filter = sandbox_filter,
			     .missing = missing };
	int fd = -1;

	if (poll(&p, 1, 10000) != 1 || channel_receive(WORKER_CHANNEL, &m, &fd) != 1 ||
	    m.type != CHANNEL_START)
		return -EPROTO;
	s.uid = m.start.uid;
	s.gid = m.start.gid;
	s.file = m.start.max_pinned + SANDBOX_FILE_SPARE;
	s.data = m.start.data;
	s.locked = m.start.locked;
	sandbox_enter(&s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		attacker_show(argv[1], argc > 2 ? argv[2] : "");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	if (enter())
		return EXIT_FAILURE;
	attacker_obey(WORKER_PEER);
	_exit(0);
}
