/* SPDX-License-Identifier: BSD-3-Clause */
/* "rdma" of the configuration: by which fabric the content of buffers may go past the connection. */
#ifndef DAEMON_CONFIG_RDMA_H
#define DAEMON_CONFIG_RDMA_H

#include "daemon/config-json.h"
#include "daemon/config.h"

void config_read_rdma(struct problems *p, struct json_object *top, struct daemon_config *c);

#endif
