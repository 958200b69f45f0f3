/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "daemon/gate-device.h"
#include "daemon/gate-places.h"
#include "dev/dfl.h"
#include "dev/pci.h"
#include "dev/perf.h"

/* There are only names there, and links to what lies below devices/. */
static const char *const lists[] = { "/sys/bus/pci/devices", "/sys/bus/pci/drivers", DFL_CLASS, PERF_PMUS,
				     "/sys/kernel/iommu_groups" };

/* Which function it is and who drives it: what a worker looks at to find those that are for it. */
static const char *const plain[] = { "vendor",	  "device",	   "subsystem_vendor", "subsystem_device",
				     "numa_node", "sriov_totalvfs", "driver",	       "physfn",
				     "iommu_group" };

static bool is_in(const char *real, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(real, folder, len) && (!real[len] || real[len] == '/');
}

static bool is_list(const char *real)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (is_in(real, lists[i]))
			return true;
	return false;
}

static bool is_plain(const char *name)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(name, plain[i]))
			return true;
	return !*name;
}

/* The nearest function that it is part of, and the way from there. False: it is part of none. */
static bool find_function(const char *real, struct pci_address *ret, const char **rest)
{
	bool found = false;

	for (const char *at = real; (at = strchr(at, '/'));) {
		size_t len = strcspn(++at, "/");
		char part[PCI_ADDRESS_LEN];

		if (len != sizeof(part) - 1)
			continue;
		memcpy(part, at, len);
		part[len] = 0;
		if (!pci_parse(part, ret))
			continue;
		found = true;
		*rest = at[len] ? at + len + 1 : at + len;
	}
	return found;
}

int gate_judge_sysfs(const struct gate_who *who, const char *real, char *why)
{
	static const char counters[] = "/sys/devices/dfl_fme";
	const char *rest = "";
	struct pci_address a;

	if (!who->rule)
		return gate_is_readable(real) ? 0 : -EACCES;
	if (is_list(real))
		return 0;
	if (!gate_begins(real, "/sys/devices/"))
		return -EACCES;
	if (gate_begins(real, counters))
		return gate_judge_engine_of(who, real + strlen(counters), why);
	if (!find_function(real, &a, &rest))
		return -EACCES;
	return is_plain(rest) ? 0 : gate_judge_function(who, &a, why);
}
