/* SPDX-License-Identifier: BSD-3-Clause */
/* A test that is itself what loads the plugin, and gives it a syscall seam of its own. */
#ifndef TESTS_CARD_PLUGIN_HOST_H
#define TESTS_CARD_PLUGIN_HOST_H

#include <opae/plugin.h>

#include "base/sys.h"

extern char detail[512]; /* the plugin's words on the last call that failed */
extern opae_api_adapter_table table;

/* Loads $OPAE_TEST_PLUGIN; `ops` must stay. */
void plugin_up(const char *configuration, const struct sys_ops *ops);

#endif
