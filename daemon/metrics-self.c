/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/metrics-self.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"

static void slurp(const char *path, char *out, size_t len)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY, 0);
	ssize_t n = fd < 0 ? 0 : sys_read(fd, out, len - 1);

	out[n > 0 ? n : 0] = 0;
}

/* When the machine was started, in seconds since 1970. */
static double booted(void)
{
	char text[65536];
	const char *at;

	slurp("/proc/stat", text, sizeof(text));
	at = strstr(text, "\nbtime ");
	return at ? strtod(at + 7, NULL) : 0;
}

static uint64_t count_names(const char *names)
{
	uint64_t n = 0;

	for (; *names; names += strlen(names) + 1)
		n++;
	return n;
}

void metrics_self(struct metrics_self *ret)
{
	unsigned long long user = 0, kernel = 0, started = 0, bytes = 0;
	double tick = (double)sysconf(_SC_CLK_TCK);
	long pages = 0;
	CLEANUP_FREE char *names = NULL;
	char text[1024], *at;
	struct rlimit most;

	memset(ret, 0, sizeof(*ret));
	slurp("/proc/self/stat", text, sizeof(text));
	at = strrchr(text, ')'); /* the program's name may have spaces, and these */
	if (at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
			 "%*d %llu %llu %ld", &user, &kernel, &started, &bytes, &pages) == 5) {
		ret->cpu_seconds = (double)(user + kernel) / tick;
		ret->start_seconds = booted() + (double)started / tick;
		ret->virtual_bytes = bytes;
		ret->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	if (!sys_list("/proc/self/fd", &names))
		ret->open_fds = count_names(names) - 1; /* and the one that looked */
	if (!getrlimit(RLIMIT_NOFILE, &most))
		ret->max_fds = most.rlim_cur;
}
