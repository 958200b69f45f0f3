/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads plugin files: finds, checks the constant, configures, fills the holes of the table. */
#ifndef LIB_PLUGINLDR_H
#define LIB_PLUGINLDR_H

#include "lib/adapter.h"
#include "lib/config.h"

/* One configured instance. Always yields a row (state and reason tell); NULL only without memory. */
struct adapter *opae_plugin_ldr_load(const struct config_plugin *entry);

/* All entries of a configuration, appended to *list in their order. Returns how many are ready. */
size_t opae_plugin_ldr_load_plugins(const struct config *cfg, struct adapter **list);

/* Puts a stub that answers FPGA_NOT_SUPPORTED into each empty slot that must not be NULL. */
void opae_plugin_ldr_fill_holes(opae_api_adapter_table *table);

#endif
