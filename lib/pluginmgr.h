/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plugin manager: which plugins there are. Initialization runs once under a lock; a plugin that
 * calls back into the API meanwhile, on the same thread, finds the library initialized with
 * what is ready so far.
 */
#ifndef LIB_PLUGINMGR_H
#define LIB_PLUGINMGR_H

#include "lib/adapter.h"
#include "lib/config.h"

/* fpgaInitialize: loads and initializes. 0 also when plugins failed or none is there. */
int opae_plugin_mgr_initialize(const char *cfg_file);
/* Finalizes every ready adapter and empties the list; number of failures. */
int opae_plugin_mgr_finalize_all(void);

int opae_plugin_mgr_parse_config(const char *text, size_t len, struct config *ret);
/* Appends and initializes a row; takes it over. */
int opae_plugin_mgr_register_adapter(struct adapter *a);

/* The first row, working or not; follow ->next. */
struct adapter *opae_plugin_mgr_list(void);
/* First-level query: may this adapter find something for these filters? (OR over the filters.) */
bool opae_plugin_mgr_may_match(const struct adapter *a, const struct opae_props *filters,
			       size_t num_filters);
const char *opae_plugin_mgr_config_path(void);
const char *opae_plugin_mgr_config_problem(void);

#endif
