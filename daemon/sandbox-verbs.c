/* SPDX-License-Identifier: BSD-3-Clause */
/* The files that a worker sees which has yet to open an RDMA device; then it can open nothing any more. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "daemon/sandbox.h"

/* Devices, what is told of them, and which library of libibverbs' goes with which. */
static const char *const places[] = { "/dev/infiniband", "/sys", "/etc/libibverbs.d", "/usr" };

/* With all above it, in the current folder. */
static int make_folder(char *path)
{
	for (char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -1;
		*at = '/';
	}
	return mkdir(path, 0755);
}

int sandbox_show_verbs(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct stat s;

		if (stat(places[i], &s)) /* without it there is no RDMA here, which libfabric will say */
			continue;
		snprintf(path, sizeof(path), "%s", places[i] + 1);
		if (make_folder(path) || mount(places[i], path, NULL, MS_BIND | MS_REC, NULL))
			return -1;
	}
	return 0;
}
