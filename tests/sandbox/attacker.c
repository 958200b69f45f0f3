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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
	struct sandbox s = { .missing = missing };
	int fd = -1;

	if (poll(&p, 1, 10000) != 1 || channel_receive(WORKER_CHANNEL, &m, &fd) != 1 ||
	    m.type != CHANNEL_START)
		return -EPROTO;
	s.uid = m.start.uid;
	s.gid = m.start.gid;
	s.memory = m.start.max_pinned;
	s.data = m.start.data;
	s.locked = m.start.locked;
	sandbox_enter(&s);
	return 0;
}

static long run_in(const struct attack *list, const char *name, const char *arg, int *found)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name)) {
			*found = 1;
			return list->run(arg);
		}
	return 0;
}

static long run(const char *name, const char *arg)
{
	int found = 0;
	long rc = run_in(attacks, name, arg, &found);

	if (!found)
		rc = run_in(attacks_on_files, name, arg, &found);
	if (!strcmp(name, "ask"))
		return ask_as_told(arg);
	if (!strcmp(name, "flood"))
		return ask_flood(arg);
	if (!found) {
		fprintf(stderr, "there is no attack \"%s\"\n", name);
		_exit(2);
	}
	return rc;
}

static int read_line(char *line, size_t room)
{
	size_t n = 0;

	while (n < room - 1 && read(WORKER_PEER, line + n, 1) == 1)
		if (line[n++] == '\n') {
			line[n - 1] = 0;
			return 0;
		}
	return -1;
}

int main(int argc, char **argv)
{
	char line[2048], answer[64];

	if (argc > 1) {
		long rc = run(argv[1], argc > 2 ? argv[2] : "");

		printf("%s %ld\n", rc < 0 ? "refused" : "done", rc < 0 ? -rc : rc);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	if (enter())
		return EXIT_FAILURE;
	while (!read_line(line, sizeof(line))) {
		char *arg = strchr(line, ' ');
		long rc;
		int n;

		if (arg)
			*arg++ = 0;
		rc = run(line, arg ? arg : "");
		n = snprintf(answer, sizeof(answer), "%s %ld\n", rc < 0 ? "refused" : "done",
			     rc < 0 ? -rc : rc);
		if (write(WORKER_PEER, answer, (size_t)n) != n)
			break;
	}
	_exit(0);
}
