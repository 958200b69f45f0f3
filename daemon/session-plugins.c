/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's "plugins" as workers get it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "daemon/log.h"
#include "daemon/session.h"
#include "daemon/spawn.h"

/* A file that all workers may read and none can change. */
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

/* Is there a worker for each listener? */
static int find_workers(struct sessions *all, const struct daemon_config *config)
{
	for (size_t i = 0; i < config->num_listen && all->worker_tls < 0; i++)
		if (config->listen[i].tls) {
			all->worker_tls = spawn_open_program(SPAWN_WORKER_TLS);
			if (all->worker_tls >= 0)
				return 0;
			log_error("\"tls\": " SPAWN_WORKER_TLS " is built where OpenSSL 3.0 is (meson setup "
				  "-Dtls=enabled)");
			return all->worker_tls;
		}
	return 0;
}

int sessions_prepare(struct sessions *all, const struct daemon_config *config)
{
	int rc = find_workers(all, config);

	return rc ? rc : file_with(config->plugins);
}
