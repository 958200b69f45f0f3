/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the ASE plugin share: its instance, and the simulation that it started. */
#ifndef PLUGINS_ASE_ASE_H
#define PLUGINS_ASE_ASE_H

#include "base/ase-find.h"
#include "dev/pci.h"
#include "plugins/vfio/vfio.h"

struct spawned;

/* Of the simulation that this process starts: looked at and used by one at a time. */
enum spawned_state { SPAWNED_NONE, SPAWNED_IDLE, SPAWNED_LOOKED_AT, SPAWNED_USED, SPAWNED_ENDING };

struct ase {
	struct instance core;
	/* Configuration, constant after configure. */
	char *socket, *exec;
	struct pci_address address;
	int64_t start_ns, end_ns;

	/* As of initialize: what starts the simulation. NULL: it runs, and its socket is looked for anew. */
	char *command;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t moved; /* the state */
	enum spawned_state state;
	struct spawned *spawned;
	pid_t pid; /* whose it is */
	char told[ASE_WHY_MAX]; /* the last that was said to the user */
};

static inline struct ase *ase_of(struct instance *inst)
{
	return (struct ase *)inst;
}

/* config.c: 0, or a result with the reason set; ase_config_done() after either. */
fpga_result ase_config_read(const char *json, struct ase *a);
void ase_config_done(struct ase *a);

/* places.c: as struct plugin_ways has them. */
int ase_list(struct instance *inst, struct place **ret, size_t *n);
int ase_open(struct instance *inst, const struct place *p, struct vdev_options *opt, char *why,
	     size_t why_len, struct vdev **ret);
/* Decides whether simulations are started from now on. 0 or -ENOMEM. */
int ase_decide(struct ase *a);
/* ASE_LOG=0 asks for silence. */
bool ase_is_quiet(void);

/* spawned.c: opens the simulation that this process starts, and starts it when there is none. */
int spawned_open(struct ase *a, const struct vdev_options *opt, char *why, size_t why_len, struct vdev **ret);
/* Ends it, also one that is open: its device is dead then. */
void spawned_finalize(struct ase *a);

#endif
