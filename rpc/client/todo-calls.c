/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/table.h"

void client_fill_errors(opae_api_adapter_table *t) { (void)t; }
void client_fill_objects(opae_api_adapter_table *t) { (void)t; }
void client_fill_metrics(opae_api_adapter_table *t) { (void)t; }
void client_fill_manage(opae_api_adapter_table *t) { (void)t; }
