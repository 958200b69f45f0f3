/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/plugin-set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/sys.h"

static int file_with(const char *text)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	CLEANUP_CLOSE int fd = sys_memfd("opaed-plugins", MFD_ALLOW_SEALING);
	size_t len = strlen(text);

	if (fd < 0)
		return fd;
	if (sys_pwrite(fd, text, len, 0) != (ssize_t)len)
		return -ENOSPC;
	return fcntl(fd, F_ADD_SEALS, seals) ? -errno : fd_steal(&fd);
}

int plugin_set_new(const char *plugins, struct plugin_set **ret)
{
	struct plugin_set *p = calloc(1, sizeof(*p));
	int file = p ? file_with(plugins) : -ENOMEM;

	if (file < 0) {
		free(p);
		return file;
	}
	p->file = file;
	*ret = p;
	return 0;
}

struct plugin_set *plugin_set_hold(struct plugin_set *p)
{
	p->held++;
	return p;
}

void plugin_set_let_go(struct plugin_set *p)
{
	if (!p || p->held--)
		return;
	sys_close(p->file);
	scout_done(&p->scout);
	free(p);
}
