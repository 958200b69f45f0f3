/* SPDX-License-Identifier: BSD-3-Clause */
/* "rdma" of the configuration: by which fabric the content of buffers may go past the connection. */
#ifndef DAEMON_CONFIG_RDMA_H
#define DAEMON_CONFIG_RDMA_H

#include "daemon/config-json.h"
#include "daemon/config.h"

void config_read_rdma(struct problems *p, struct json_object *top, struct daemon_config *c);
/* Where the fabric of this listener's peers is, at any port. False: they can have none. */
bool config_rdma_at(const struct daemon_config *c, const struct config_listen *l, struct address *ret);
/* Does it stand for all addresses of this machine? */
bool config_rdma_is_any(const char *host);

#endif
