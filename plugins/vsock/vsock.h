/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_VSOCK_VSOCK_H
#define PLUGINS_VSOCK_VSOCK_H

#include "rpc/client/config.h"

extern const struct rpc_config_kind vsock_kind;

#endif
