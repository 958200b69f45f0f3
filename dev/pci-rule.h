/* SPDX-License-Identifier: BSD-3-Clause */
/* Which PCI devices a configuration means: one by its address, or all that have certain ids. */
#ifndef DEV_PCI_RULE_H
#define DEV_PCI_RULE_H

#include "dev/pci.h"

struct pci_rule {
	bool by_address, by_subsystem; /* not by_address: by vendor and device, and these */
	struct pci_address address;
	struct pci_id id;
};

/* "0000:b1:00.0", "8086:bcce" or "8086:bcce:8086:1771"; an id of ffff in the subsystem fits any. */
bool pci_rule_parse(const char *text, struct pci_rule *ret);
bool pci_rule_fits(const struct pci_rule *rule, const struct pci_address *a, const struct pci_id *id);

#endif
