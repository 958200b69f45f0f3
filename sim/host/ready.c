/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/host/ready.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/host/settings.h"

#define PATH_ROOM (sizeof(((struct settings *)0)->workdir) + 32)
#define UID "opae-anywhere-sim-1"

static void ready_path(const struct settings *s, char *path, size_t room, const char *suffix)
{
	snprintf(path, room, "%s/.ase_ready.pid%s", s->workdir, suffix);
}

int ready_write(const struct settings *s, const char *control)
{
	char path[PATH_ROOM], fresh[PATH_ROOM], host[256] = "localhost";
	FILE *f;
	int rc;

	if (*s->suffix)
		return 0; /* it is another one's, which goes on */
	ready_path(s, path, sizeof(path), "");
	ready_path(s, fresh, sizeof(fresh), ".new");
	gethostname(host, sizeof(host) - 1);
	f = fopen(fresh, "we");
	if (!f)
		return -errno;
	fprintf(f, "pid = %d\nhost = %s\ndir = %s\nuid = %s\n", getpid(), host, s->workdir, UID);
	if (s->socket[0])
		fprintf(f, "socket = %s\n", s->socket);
	if (*control)
		fprintf(f, "control = %s\n", control);
	rc = fclose(f) ? -errno : 0;
	if (!rc && rename(fresh, path))
		rc = -errno;
	if (rc)
		unlink(fresh);
	return rc;
}

void ready_remove(const struct settings *s)
{
	char path[PATH_ROOM];
	int pid = 0;
	FILE *f;

	ready_path(s, path, sizeof(path), "");
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "pid = %d", &pid) != 1)
		pid = 0;
	fclose(f);
	if (pid == getpid())
		unlink(path);
}
