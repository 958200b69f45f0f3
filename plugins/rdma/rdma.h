/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_RDMA_RDMA_H
#define PLUGINS_RDMA_RDMA_H

#include "rpc/client/config.h"

extern const struct rpc_config_kind rdma_kind;

#endif
