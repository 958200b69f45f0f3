/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/beside.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool beside_find(const char *const *places, size_t num_places, const char *name, char *out,
		 size_t len)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return false;
	self[n] = 0;
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < num_places; i++) {
		int room = places[i][0] == '/' ? 0 : (int)(slash + 1 - self);
		int used = snprintf(out, len, "%.*s%s/%s", room, self, places[i], name);

		if (used > 0 && (size_t)used < len && !access(out, X_OK))
			return true;
	}
	return false;
}
