/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/inventory-dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/emu-dir.h"
#include "base/sys.h"

/* Made by whoever installs this for root. */
#define SYSTEM_DIR "/run/opae"

bool inventory_dir_path(char *out, size_t len, const char **why)
{
	const char *told = secure_getenv("OPAEX_INVENTORY_DIR");
	const char *run = secure_getenv("XDG_RUNTIME_DIR"), *reason;
	int n;

	if (told && *told) {
		reason = "$OPAEX_INVENTORY_DIR names it";
		n = snprintf(out, len, "%s", told);
	} else if (emu_dir_trusted(SYSTEM_DIR)) {
		reason = "it is there, and this user's";
		n = snprintf(out, len, "%s", SYSTEM_DIR);
	} else if (run && *run) {
		reason = "it is in $XDG_RUNTIME_DIR";
		n = snprintf(out, len, "%s/opae", run);
	} else {
		reason = "neither $OPAEX_INVENTORY_DIR nor $XDG_RUNTIME_DIR is set";
		n = snprintf(out, len, "/tmp/opae-%u", geteuid());
	}
	if (why)
		*why = reason;
	return n > 0 && (size_t)n < len;
}

bool inventory_dir_make(char *out, size_t len)
{
	if (!inventory_dir_path(out, len, NULL))
		return false;
	sys_mkdir(out, 0700);
	return emu_dir_trusted(out);
}
