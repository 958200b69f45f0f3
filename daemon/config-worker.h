/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's "worker_user": whom a worker becomes when its monitor is root. */
#ifndef DAEMON_CONFIG_WORKER_H
#define DAEMON_CONFIG_WORKER_H

#include "daemon/config-json.h"
#include "daemon/config.h"

void config_worker_default(struct daemon_config *c);
void config_read_worker(struct problems *p, struct json_object *top, struct daemon_config *c);

#endif
