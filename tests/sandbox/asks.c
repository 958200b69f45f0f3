/* SPDX-License-Identifier: BSD-3-Clause */
/* What a hostile worker asks its monitor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
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
	{ "lock", CHANNEL_LOCK },
};

static enum channel_type type_of(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	fprintf(stderr, "there is no question \"%s\"\n", name);
	_exit(2);
}

static int kept = -1; /* the last descriptor that came */

int lent_descriptor(void)
{
	return kept;
}

static void keep(int fd)
{
	if (fd >= 0 && kept >= 0)
		close(kept);
	if (fd >= 0)
		kept = fd;
}

static long await(uint32_t id)
{
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	struct channel_message m;

	while (poll(&p, 1, 10000) == 1) {
		int fd = -1, rc = channel_receive(WORKER_CHANNEL, &m, &fd);

		if (rc != 1)
			return rc ? rc : -EPIPE;
		keep(fd);
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
		m.value = m.type == CHANNEL_LOCK ? flags : 0;
		m.path.flags = flags;
		m.path.mode = 0600;
		fill_path(&m.path, path);
	}
	rc = channel_send(WORKER_CHANNEL, &m, -1);
	return rc ? rc : await(m.id);
}

/* What can be done with a descriptor of the inventory's. */
long abuse(const char *how)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 4711, .l_len = 1 };
	long rc = -1;

	errno = ENOENT;
	if (!strcmp(how, "lock"))
		rc = syscall(SYS_fcntl, kept, F_OFD_SETLK, &l);
	if (!strcmp(how, "lock-by-waiting"))
		rc = syscall(SYS_fcntl, kept, F_OFD_SETLKW, &l);
	if (!strcmp(how, "lock-of-process"))
		rc = syscall(SYS_fcntl, kept, F_SETLK, &l);
	if (!strcmp(how, "lease"))
		rc = syscall(SYS_fcntl, kept, F_SETLEASE, F_RDLCK);
	if (!strcmp(how, "flock"))
		rc = syscall(SYS_flock, kept, LOCK_SH);
	if (!strcmp(how, "write"))
		rc = pwrite(kept, "x", 1, 0);
	if (!strcmp(how, "truncate"))
		rc = ftruncate(kept, 4096);
	if (!strcmp(how, "allocate"))
		rc = fallocate(kept, 0, 0, 4096);
	if (!strcmp(how, "map"))
		rc = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, kept, 0) == MAP_FAILED ? -1 : 0;
	return rc < 0 ? -errno : rc;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

long ask_again_and_again(const char *arg)
{
	long began = now_ms(), longest = 0, asked = began, answered;
	char *question;
	long ms = strtol(arg, &question, 10);

	do {
		if (ask_as_told(question) == -EPIPE)
			return -EPIPE;
		answered = now_ms();
		if (answered - asked > longest)
			longest = answered - asked;
		asked = answered;
	} while (answered - began < ms);
	return longest;
}

long ask_flood(const char *arg)
{
	struct channel_message m = { .type = CHANNEL_STAT, .id = 1, .path.path = "/dev/null" };
	long n = strtol(arg, NULL, 10);

	while (n) {
		int rc = channel_send(WORKER_CHANNEL, &m, -1);

		if (rc && rc != -EAGAIN)
			return rc;
		n -= !rc;
	}
	return 0;
}
