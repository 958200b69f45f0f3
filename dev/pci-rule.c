/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/pci-rule.h"

#include <stdio.h>
#include <string.h>

/* "vvvv:dddd" or "vvvv:dddd:vvvv:dddd". */
static bool parse_id(const char *text, struct pci_rule *rule)
{
	unsigned int v[4];
	int used = 0, all = 0;

	if (text[strspn(text, "0123456789abcdefABCDEF:")] ||
	    sscanf(text, "%4x:%4x%n:%4x:%4x%n", &v[0], &v[1], &used, &v[2], &v[3], &all) < 2)
		return false;
	rule->id.vendor = (uint16_t)v[0];
	rule->id.device = (uint16_t)v[1];
	if (!text[used])
		return true;
	rule->id.subsystem_vendor = (uint16_t)v[2];
	rule->id.subsystem_device = (uint16_t)v[3];
	rule->by_subsystem = true;
	return all && !text[all];
}

bool pci_rule_parse(const char *text, struct pci_rule *ret)
{
	*ret = (struct pci_rule){ 0 };
	ret->by_address = pci_parse(text, &ret->address);
	return ret->by_address || parse_id(text, ret);
}

static bool same_address(const struct pci_address *a, const struct pci_address *b)
{
	return a->segment == b->segment && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

/* 0xffff is nobody's id: OPAE takes it for any. */
static bool id_fits(uint16_t wanted, uint16_t is)
{
	return wanted == 0xffff || wanted == is;
}

bool pci_rule_fits(const struct pci_rule *r, const struct pci_address *a, const struct pci_id *id)
{
	if (r->by_address)
		return same_address(&r->address, a);
	return r->id.vendor == id->vendor && r->id.device == id->device &&
	       (!r->by_subsystem || (id_fits(r->id.subsystem_vendor, id->subsystem_vendor) &&
				     id_fits(r->id.subsystem_device, id->subsystem_device)));
}
