/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose device is it? Before the monitor opens a node for a worker, or connects to a card's socket, it finds
 * the PCI function behind it, in sysfs or in the configuration and never by what the worker says, and asks
 * the rule of the worker's session whether it shows it.
 *
 *	/dev/vfio/N			every function of the IOMMU group that a vfio driver has
 *	/dev/vfio/devices/vfioN		its function
 *	/dev/vfio/vfio, /dev/iommu	none: address spaces, in which there is nothing yet
 *	/dev/dfl-port.N, /dev/uioN	the function, or the port's accelerator
 *	/dev/dfl-fme.N			the function, or the engine's own GUID; to who may do what it is for
 *	counters of dfl_fmeN		the same, and no more: they only tell
 *	a card's socket			its address in "plugins", or that in the emulator directory
 *
 * A rule of GUIDs shows a function that has one. A port's GUID is in sysfs; of other functions scout.h knows.
 */
#ifndef DAEMON_GATE_DEVICE_H
#define DAEMON_GATE_DEVICE_H

#include <stddef.h>

#include "daemon/config-cards.h"
#include "daemon/policy.h"

#define GATE_WHY_MAX 160

struct scout;

/* Who asks. */
struct gate_who {
	const struct policy_rule *rule; /* NULL: the monitor itself, to whom all is shown */
	const struct config_card *cards;
	size_t num_cards;
	struct scout *scout; /* of its "plugins" */
};

/*
 * Those return 0; -EPERM: the rule does not show it, or allows nothing that it is for; -EINPROGRESS: it is
 * being found out, and to be asked again. `why` (GATE_WHY_MAX bytes) tells of -EPERM.
 */

/* A device's node, as realpath() has it. */
int gate_judge_node(const struct gate_who *who, const char *real, char *why);
/* A file below a card that the kernel's FPGA driver has, as realpath() has it, for writing. */
int gate_judge_attribute(const struct gate_who *who, const char *real, char *why);
/* What is to be read below /sys, as realpath() has it. -EACCES: it is none of a worker's. */
int gate_judge_sysfs(const struct gate_who *who, const char *real, char *why);
/* What describes a function, or something in it: who is shown any of it is told of it all. */
int gate_judge_function(const struct gate_who *who, const struct pci_address *a, char *why);
/* The same of an engine, whose number the text begins with. */
int gate_judge_engine_of(const struct gate_who *who, const char *number, char *why);
/* The counters of an engine, by the number that the kernel has for them. -EACCES: they are of no engine. */
int gate_judge_counters(const struct gate_who *who, uint32_t type, char *why);
/* The socket of a card. */
int gate_judge_socket(const struct gate_who *who, const char *path, char *why);
/* The token of virtual functions: for whom a function is shown that may need it. */
int gate_judge_token(const struct gate_who *who, char *why);
/* What the inventory tells apart: a socket, or a PCI address. */
int gate_judge_device(const struct gate_who *who, const char *device, char *why);
/* Has a scout looked at it, and told the inventory? 0: yes, or it will not; -EINPROGRESS. */
int gate_scouted(const struct gate_who *who, const char *device);

#endif
