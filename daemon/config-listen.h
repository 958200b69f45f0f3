/* SPDX-License-Identifier: BSD-3-Clause */
/* "listen" of the configuration: where, and for whom. */
#ifndef DAEMON_CONFIG_LISTEN_H
#define DAEMON_CONFIG_LISTEN_H

#include "daemon/config-json.h"
#include "daemon/config.h"

void config_read_listen(struct problems *p, struct json_object *top, struct daemon_config *c);
/* Parts of it that others have as well. */
void config_read_unix(struct problems *p, const char *where, const char *path, struct config_listen *l);
void config_read_mode(struct problems *p, const char *where, struct json_object *o, struct config_listen *l);
void config_listen_done(struct daemon_config *c);

#endif
