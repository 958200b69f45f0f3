/* SPDX-License-Identifier: BSD-3-Clause */
/* "metrics" of the configuration: where they can be scraped. */
#ifndef DAEMON_CONFIG_METRICS_H
#define DAEMON_CONFIG_METRICS_H

#include "daemon/config-json.h"
#include "daemon/config.h"

/* After the listeners were read. */
void config_read_metrics(struct problems *p, struct json_object *top, struct daemon_config *c);

#endif
