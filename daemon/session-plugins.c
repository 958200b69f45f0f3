/* SPDX-License-Identifier: BSD-3-Clause */
/* What workers need of a configuration: their programs, and its "plugins". */
#include <string.h>

#include "daemon/log.h"
#include "daemon/session.h"
#include "daemon/spawn.h"

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

int sessions_prepare(struct sessions *all, struct daemon_config *config)
{
	const struct daemon_config *before = all->config;
	int rc = find_workers(all, config);

	if (rc)
		return rc;
	if (!before || strcmp(before->plugins, config->plugins) != 0)
		return plugin_set_new(config->plugins, &config->plugin_set);
	config->plugin_set = plugin_set_hold(before->plugin_set);
	return 0;
}
