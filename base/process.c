/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"

#define INFO_MAX 8192 /* of /proc/PID/fdinfo/FD: room for a hundred locks */

/* The file's text, cut at its room; empty when it cannot be read. */
static void read_text(const char *path, char *out, size_t room)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY, 0);
	ssize_t n = fd < 0 ? 0 : sys_pread(fd, out, room - 1, 0);

	out[n > 0 ? n : 0] = 0;
}

void process_name(const char *pid, char out[PROCESS_NAME_MAX])
{
	char path[32], name[20];

	snprintf(path, sizeof(path), "/proc/%.12s/comm", pid);
	read_text(path, name, sizeof(name));
	name[strcspn(name, "\n")] = 0;
	for (char *c = name; *c; c++) /* whoever chose it shall not steer a terminal */
		if (*c < ' ' || *c > '~')
			*c = '?';
	snprintf(out, PROCESS_NAME_MAX, "process %.12s (%s)", pid, *name ? name : "?");
}

/* In the words of fdinfo: "lock:	1: OFDLCK  ADVISORY  WRITE -1 08:01:1234 7 7"; READ: it was lent. */
static bool has_lock(const char *pid, const char *fd, off_t byte)
{
	char path[64], text[INFO_MAX];
	int64_t from, to;

	snprintf(path, sizeof(path), "/proc/%.12s/fdinfo/%.12s", pid, fd);
	read_text(path, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "OFDLCK")); at++)
		if (sscanf(at, "OFDLCK %*s %*s %*s %*s %" SCNd64 " %" SCNd64, &from, &to) == 2 &&
		    from <= byte && byte <= to)
			return true;
	return false;
}

/* The next name in a folder of /proc, which may be long: it is read as far as there is time. */
static const char *next_number(DIR *dir, int64_t deadline)
{
	const struct dirent *e;

	while (clock_now_ns() < deadline && (e = readdir(dir)))
		if (!e->d_name[strspn(e->d_name, "0123456789")])
			return e->d_name;
	return NULL;
}

static bool process_has_lock(const char *pid, const char *file, off_t byte, int64_t deadline)
{
	char path[64], target[PATH_MAX];
	const char *at;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%.12s/fd", pid);
	fds = opendir(path);
	while (fds && !found && (at = next_number(fds, deadline))) {
		snprintf(path, sizeof(path), "/proc/%.12s/fd/%.12s", pid, at);
		found = !sys_readlink(path, target, sizeof(target)) && !strcmp(target, file) &&
			has_lock(pid, at, byte);
	}
	if (fds)
		closedir(fds);
	return found;
}

int process_with_lock(const char *name, off_t byte, int64_t deadline, char *out, size_t len)
{
	CLEANUP_FREE char *file = realpath(name, NULL);
	DIR *pids = file && len >= PROCESS_NAME_MAX ? opendir("/proc") : NULL;
	const char *at = NULL;

	if (!pids)
		return -ENOENT;
	while ((at = next_number(pids, deadline)))
		if (strtol(at, NULL, 10) != getpid() && process_has_lock(at, file, byte, deadline))
			break;
	if (at)
		process_name(at, out);
	closedir(pids);
	return at ? 0 : clock_now_ns() < deadline ? -ENOENT : -ETIMEDOUT;
}
