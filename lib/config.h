/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae.cfg: finding it, reading it, and turning either of its two forms into one list of plugin
 * instances. Nothing is loaded here.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct config_plugin {
	char *name;          /* of the instance; "name" of the classic form, module of the newer */
	char *module;        /* "libX.so", or a path */
	char *configuration; /* JSON text handed to the plugin; "{}" when absent */
	char *devices;	     /* JSON array of the ids that boards give the module; NULL: not said */
	bool enabled;
	char *problem; /* why this entry cannot be used, or NULL */
};

struct config {
	char *path; /* "" for the built-in default */
	struct config_plugin *plugins;
	size_t num_plugins;
	char *problem; /* why the file as a whole was not used, or NULL */
	char *passed;  /* why a file that comes earlier in the search was passed over, or NULL */
};

/*
 * Reads path, or what the search finds when path is NULL. With WITH_ASE, OPAE_ASE_SOCKET or OPAE_ASE_EXEC in
 * the environment that is opae_ase.cfg, and without one the plugin of simulations alone. A missing or broken
 * file yields the built-in default with the reason in problem. Only -ENOMEM fails.
 */
int config_load(const char *path, struct config *ret);
/* The same from text, for tests and fuzzers. */
int config_parse(const char *text, size_t len, struct config *ret);
/* ASE_WORKDIR names a simulation, and neither the environment nor the configuration has the plugin for it. */
bool config_overlooks_simulation(const struct config *c);
void config_done(struct config *c);

#endif
