/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One configured plugin instance, working or not. Rows are made by the plugin manager while the
 * library initializes, and are read without a lock: next and state are atomic, all else is written
 * before the row is in the list; they live until the process ends,
 * because a program may still hold handles (by then invalid) after fpgaFinalize.
 */
#ifndef LIB_ADAPTER_H
#define LIB_ADAPTER_H

#include <opae/plugin.h>
#include <stdatomic.h>

enum adapter_state { ADAPTER_READY, ADAPTER_FAILED, ADAPTER_DISABLED };

struct adapter {
	struct adapter *_Atomic next;
	char *name;                          /* as the configuration names it */
	char *file;                          /* the file loaded, or the one asked for */
	char *configuration;                 /* JSON text that the plugin is given */
	char *reason;                        /* why it is not ready; NULL when it is */
	void *dl;                            /* dlopen handle; never closed once configured */
	const struct opae_plugin_info *info; /* NULL when the file could not be read so far */
	_Atomic(enum adapter_state) state;
	opae_api_adapter_table *table; /* complete: no function pointer is NULL but the optional
					* ones named in plugin.h with "Missing:" */
};

#endif
