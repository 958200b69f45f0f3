/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a configuration's "plugins" are while opaed runs: the file by which workers load them, and which GUIDs
 * there are by them, where an address may be another card's than by others. A session keeps those that it
 * began with. Configurations of the same text share them, and what is known.
 */
#ifndef DAEMON_PLUGIN_SET_H
#define DAEMON_PLUGIN_SET_H

#include "daemon/scout.h"

struct plugin_set {
	unsigned int held; /* by configurations, beside the first */
	int file;	   /* all workers may read it, and none can change it */
	struct scout scout;
};

/* 0 or a negative errno. */
int plugin_set_new(const char *plugins, struct plugin_set **ret);
struct plugin_set *plugin_set_hold(struct plugin_set *p);
void plugin_set_let_go(struct plugin_set *p); /* or NULL */

#endif
