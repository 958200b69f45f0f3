/* SPDX-License-Identifier: BSD-3-Clause */
/* Which PCI addresses "plugins" gives to cards' sockets: the plugin and the policy must mean the same. */
#ifndef DAEMON_CONFIG_CARDS_H
#define DAEMON_CONFIG_CARDS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/emu-dir.h"
#include "dev/pci.h"

struct config_card {
	char path[EMU_PATH_MAX];
	struct pci_address address;
};

/*
 * Every list of "sockets" in it, and each "socket" of a simulation, however deep: "/path", or {"path",
 * "address"}. What the plugin would refuse is left out. The caller frees *ret, to which is added. False: no
 * memory.
 */
bool config_cards_add(struct json_object *plugins, struct config_card **ret, size_t *n);

#endif
