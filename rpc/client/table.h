/* SPDX-License-Identifier: BSD-3-Clause */
/* Which file fills which part of the adapter table. */
#ifndef RPC_CLIENT_TABLE_H
#define RPC_CLIENT_TABLE_H

#include <opae/plugin.h>

void client_fill_hosts(opae_api_adapter_table *t);   /* first level, enumeration, tokens */
void client_fill_handles(opae_api_adapter_table *t); /* open, close, reset, quiesce, properties of a handle */
void client_fill_mmio(opae_api_adapter_table *t);
void client_fill_buffers(opae_api_adapter_table *t);
void client_fill_events(opae_api_adapter_table *t);
void client_fill_errors(opae_api_adapter_table *t);
void client_fill_objects(opae_api_adapter_table *t);
void client_fill_metrics(opae_api_adapter_table *t);
void client_fill_manage(opae_api_adapter_table *t);

#endif
