/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_TCP_TCP_H
#define PLUGINS_TCP_TCP_H

#include "rpc/client/config.h"

extern const struct rpc_config_kind tcp_kind;

#endif
