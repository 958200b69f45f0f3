/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/emu-dir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool emu_dir_path(char *out, size_t len)
{
	const char *dir = secure_getenv("OPAEX_EMU_DIR"), *run = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (dir && *dir)
		n = snprintf(out, len, "%s", dir);
	else if (run && *run)
		n = snprintf(out, len, "%s/opae/emu", run);
	else
		n = snprintf(out, len, "/tmp/opae-%u/emu", geteuid());
	return n > 0 && (size_t)n < len;
}

bool emu_dir_trusted(const char *dir)
{
	char parent[PATH_MAX];
	struct stat st;
	int n = snprintf(parent, sizeof(parent), "%s/..", dir);

	if (n < 0 || (size_t)n >= sizeof(parent) || lstat(dir, &st) || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 022))
		return false;
	return !stat(parent, &st) && (!st.st_uid || st.st_uid == geteuid()) &&
	       (!(st.st_mode & 022) || (st.st_mode & S_ISVTX));
}
