/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/meminfo.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define SMALL (64u << 20) /* up to here nobody asks whether there is so much */

/* What can be had without swapping, as the kernel estimates it; 0: it does not say. */
static uint64_t available(void)
{
	CLEANUP_CLOSE int fd = sys_open("/proc/meminfo", O_RDONLY, 0);
	unsigned long long kib;
	char text[512] = "";
	const char *at;

	if (fd < 0 || sys_pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	at = strstr(text, "MemAvailable:");
	return at && sscanf(at, "MemAvailable: %llu kB", &kib) == 1 ? kib * 1024 : 0;
}

bool meminfo_has(uint64_t len)
{
	uint64_t bytes = len > SMALL ? available() : 0;

	return !bytes || len <= bytes;
}
