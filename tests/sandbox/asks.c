/* SPDX-License-Identifier: BSD-3-Clause */
/* What a hostile worker asks its monitor. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/spawn.h"
#include "tests/sandbox/attacker.h"

static const struct {
	const char *name;
	enum channel_type type;
} types[] = {
	{ "open", CHANNEL_OPEN },     { "connect", CHANNEL_CONNECT },	{ "stat", CHANNEL_STAT },
	{ "lstat", CHANNEL_LSTAT },   { "readlink", CHANNEL_READLINK }, { "list", CHANNEL_LIST },
	{ "access", CHANNEL_ACCESS }, { "unlink", CHANNEL_UNLINK },	{ "mkdir", CHANNEL_MKDIR },
	{ "rename", CHANNEL_RENAME }, { "link", CHANNEL_LINK },		{ "holder", CHANNEL_HOLDER },
	{ "perf", CHANNEL_PERF },     { "uevents", CHANNEL_UEVENTS },	{ "missing", CHANNEL_MISSING },
};

static enum channel_type type_of(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	fprintf(stderr, "there is no question \"%s\"\n", name);
	_exit(2);
}

static long await(uint32_t id)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	struct channel_message m;

	while (poll(&p, 1, 10000) == 1) {
		int fd = -1, rc = channel_receive(WORKER_CHANNEL, &m, &fd);

		if (rc != 1)
			return rc ? rc : -EPIPE;
		if (fd >= 0)
			close(fd);
		if (m.id == id && (m.type == CHANNEL_ANSWER || m.type == CHANNEL_FOUND))
			return m.value;
	}
	return -ETIMEDOUT;
}

/* "..." in a path stands for as many letters as there is room for. */
static void fill_path(struct channel_path *p, char *text)
{
	char *to = strchr(text, ' '), *more = strstr(text, "...");

	if (to)
		*to++ = 0;
	snprintf(p->path, sizeof(p->path), "%s", text);
	if (to)
		snprintf(p->path + strlen(text) + 1, sizeof(p->path) - strlen(text) - 1, "%s", to);
	if (more)
		memset(p->path + (more - text), 'a', sizeof(p->path) - (size_t)(more - text));
}

long ask_as_told(const char *arg)
{
	struct channel_message m;
	char name[16], path[1024] = "";
	int flags = 0, rc;

	memset(&m, 0, sizeof(m));
	if (sscanf(arg, "%15s %i %1023[^\n]", name, &flags, path) < 1)
		_exit(2);
	m.type = type_of(name);
	m.id = 4711;
	if (m.type == CHANNEL_MISSING) {
		m.value = flags;
		return channel_send(WORKER_CHANNEL, &m, -1);
	}
	if (m.type == CHANNEL_PERF) {
		m.perf.attr.type = (uint32_t)flags;
		m.perf.attr.size = sizeof(m.perf.attr);
		m.perf.pid = m.perf.group = -1;
		m.perf.flags = PERF_FLAG_FD_CLOEXEC;
	} else {
		m.path.flags = flags;
		m.path.mode = 0600;
		fill_path(&m.path, path);
	}
	rc = channel_send(WORKER_CHANNEL, &m, -1);
	return rc ? rc : await(m.id);
}

long ask_flood(const char *arg)
{
	struct channel_message m = { .type = CHANNEL_STAT, .id = 1, .path.path = "/sys/devices/system" };
	long n = strtol(arg, NULL, 10);

	while (n) {
		int rc = channel_send(WORKER_CHANNEL, &m, -1);

		if (rc && rc != -EAGAIN)
			return rc;
		n -= !rc;
	}
	return 0;
}
