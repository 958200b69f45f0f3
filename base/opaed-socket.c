/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/opaed-socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool opaed_socket_path(char *out, size_t len)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid())
		n = snprintf(out, len, "%s", OPAED_SYSTEM_SOCKET);
	else if (run && *run)
		n = snprintf(out, len, "%s/opae/opaed.sock", run);
	else
		n = snprintf(out, len, "/tmp/opae-%u/opaed.sock", geteuid());
	return n > 0 && (size_t)n < len;
}
