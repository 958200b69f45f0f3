/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In the place of opaed-worker: one that its peer has taken over. The peer says, one line each, what the
 * monitor is asked for ("open PATH", "write PATH", "connect PATH", "kick ID"), and gets the answer as a
 * number: 0, or a negative errno. What comes with the answer is closed. "changed N" says so many times that
 * devices have changed, "looks N" waits until it was told as often to look, and "close FD" closes. Peers by
 * TCP are innocent, and have a worker as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "daemon/channel.h"
#include "daemon/spawn.h"

#define WAIT_MS 20000

static int64_t ask(struct channel_message *m)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	static uint32_t last;
	int fd, rc;

	m->id = ++last;
	if (channel_send(WORKER_CHANNEL, m, -1))
		exit(EXIT_FAILURE);
	while (sys_poll(&p, 1, WAIT_MS) == 1) {
		rc = channel_receive(WORKER_CHANNEL, m, &fd);
		if (rc == 1 && fd >= 0)
			sys_close(fd);
		if (rc == 1 && m->type == CHANNEL_ANSWER && m->id == last)
			return m->value;
		if (rc != 1 && rc != -EAGAIN)
			break;
	}
	exit(EXIT_FAILURE);
}

static void send_word(enum channel_type type)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLOUT };
	struct channel_message m = { .type = type };
	int rc;

	while ((rc = channel_send(WORKER_CHANNEL, &m, -1)) == -EAGAIN)
		sys_poll(&p, 1, WAIT_MS);
	if (rc)
		exit(EXIT_FAILURE);
}

static void look(long times)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	struct channel_message m;
	int fd;

	while (times) {
		if (sys_poll(&p, 1, WAIT_MS) != 1 || channel_receive(WORKER_CHANNEL, &m, &fd) != 1)
			exit(EXIT_FAILURE);
		if (m.type != CHANNEL_LOOK)
			continue;
		send_word(CHANNEL_LOOKED);
		times--;
	}
}

static bool obey_alone(const char *verb, long n)
{
	if (!strcmp(verb, "close"))
		close((int)n);
	else if (!strcmp(verb, "looks"))
		look(n);
	else if (!strcmp(verb, "changed"))
		for (long i = 0; i < n; i++)
			send_word(CHANNEL_CHANGED);
	else
		return false;
	return true;
}

static int64_t obey(const char *verb, const char *what)
{
	struct channel_message m;
	int64_t value;

	if (obey_alone(verb, strtol(what, NULL, 10)))
		return 0;
	do {
		memset(&m, 0, sizeof(m));
		m.type = !strcmp(verb, "connect") ? CHANNEL_CONNECT :
			 !strcmp(verb, "kick")	  ? CHANNEL_KICK :
						    CHANNEL_OPEN;
		if (m.type == CHANNEL_KICK) {
			m.value = strtol(what, NULL, 10);
		} else {
			m.path.flags = m.type == CHANNEL_CONNECT || !strcmp(verb, "open") ? 0 : O_RDWR;
			snprintf(m.path.path, sizeof(m.path.path), "%s", what);
		}
		value = ask(&m);
	} while (value == -EINPROGRESS);
	return value;
}

/* A scout has no peer that could have taken it over. */
static bool is_innocent(void)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	struct channel_message m;

	if (sys_poll(&p, 1, WAIT_MS) != 1)
		return false;
	return recv(WORKER_CHANNEL, &m, sizeof(m), MSG_PEEK) >= (ssize_t)sizeof(m.start) &&
	       (m.start.scout || !strncmp(m.start.principal, "tcp:", 4));
}

int main(int argc, char *argv[])
{
	char line[CHANNEL_PATH_MAX + 16], verb[16], what[CHANNEL_PATH_MAX];
	struct channel_message m;
	FILE *peer;
	int fd;

	(void)argc;
	if (is_innocent()) {
		execv(REAL_WORKER, argv);
		return EXIT_FAILURE;
	}
	if (channel_receive(WORKER_CHANNEL, &m, &fd) != 1)
		return EXIT_FAILURE;
	fcntl(WORKER_PEER, F_SETFL, fcntl(WORKER_PEER, F_GETFL) & ~O_NONBLOCK);
	peer = fdopen(WORKER_PEER, "r+");
	while (peer && fgets(line, sizeof(line), peer))
		if (sscanf(line, "%15s %1023s", verb, what) == 2)
			dprintf(WORKER_PEER, "%lld\n", (long long)obey(verb, what));
	return EXIT_SUCCESS;
}
