/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the reading of the configuration that are in files of their own, and what these share. */
#ifndef DAEMON_CONFIG_INTERNAL_H
#define DAEMON_CONFIG_INTERNAL_H

#include "daemon/config-json.h"
#include "daemon/config.h"

/* ---- config.c ---- */

void config_read_unix(struct problems *p, const char *where, const char *path, struct config_listen *l);
void config_read_mode(struct problems *p, const char *where, struct json_object *o, struct config_listen *l);

/* ---- config-metrics.c ---- */

/* After the listeners were read. */
void config_read_metrics(struct problems *p, struct json_object *top, struct daemon_config *c);

#endif
