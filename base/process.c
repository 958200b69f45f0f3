/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
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

static bool process_has_lock(const char *pid, const char *file, off_t byte)
{
	CLEANUP_FREE char *fds = NULL;
	char path[64], target[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%.12s/fd", pid);
	if (sys_list(path, &fds))
		return false;
	for (const char *at = fds; *at; at += strlen(at) + 1) {
		snprintf(path, sizeof(path), "/proc/%.12s/fd/%.12s", pid, at);
		if (!sys_readlink(path, target, sizeof(target)) && !strcmp(target, file) &&
		    has_lock(pid, at, byte))
			return true;
	}
	return false;
}

bool process_with_lock(const char *name, off_t byte, char *out, size_t len)
{
	CLEANUP_FREE char *pids = NULL, *file = realpath(name, NULL);

	if (!file || len < PROCESS_NAME_MAX || sys_list("/proc", &pids))
		return false;
	for (const char *at = pids; *at; at += strlen(at) + 1) {
		if (at[strspn(at, "0123456789")] || strtol(at, NULL, 10) == getpid() ||
		    !process_has_lock(at, file, byte))
			continue;
		process_name(at, out);
		return true;
	}
	return false;
}
