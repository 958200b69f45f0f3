/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "dev/sysfs.h"

#define DEVICE "/sys/bus/pci/devices/%s"

bool pci_parse(const char *text, struct pci_address *ret)
{
	unsigned int s = 0, b, d, f;
	int used = 0;

	if (text[strspn(text, "0123456789abcdefABCDEF:.")])
		return false;
	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &s, &b, &d, &f, &used) != 4 || text[used]) {
		s = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &b, &d, &f, &used) != 3 || text[used])
			return false;
	}
	if (d > 0x1f || f > 7)
		return false;
	*ret = (struct pci_address){ (uint16_t)s, (uint8_t)b, (uint8_t)d, (uint8_t)f };
	return true;
}

void pci_format(const struct pci_address *a, char out[PCI_ADDRESS_LEN])
{
	snprintf(out, PCI_ADDRESS_LEN, "%04x:%02x:%02x.%x", a->segment, a->bus, a->device & 0x1f,
		 a->function & 7);
}

static int read_one(const char *address, const char *name, uint16_t *ret)
{
	uint64_t v = 0;
	int rc = sysfs_number(&v, DEVICE "/%s", address, name);

	*ret = (uint16_t)v;
	return rc;
}

int pci_read_id(const char *address, struct pci_id *ret)
{
	int rc = read_one(address, "vendor", &ret->vendor);

	if (!rc)
		rc = read_one(address, "device", &ret->device);
	if (!rc)
		rc = read_one(address, "subsystem_vendor", &ret->subsystem_vendor);
	if (!rc)
		rc = read_one(address, "subsystem_device", &ret->subsystem_device);
	return rc;
}

int pci_numa_node(const char *address)
{
	uint64_t node;

	return sysfs_number(&node, DEVICE "/numa_node", address) ? -1 : (int)node;
}

/* A link that need not be there. */
static int optional_link(char *out, size_t len, const char *address, const char *name)
{
	int rc = sysfs_link(out, len, DEVICE "/%s", address, name);

	if (rc)
		*out = 0;
	return rc == -ENOENT ? 0 : rc;
}

int pci_read(const char *address, struct pci_info *ret)
{
	struct pci_info info = { .group = PCI_NO_GROUP, .numa_node = pci_numa_node(address) };
	char group[32], *end;
	int rc = pci_read_id(address, &info.id);

	if (!rc)
		rc = optional_link(info.driver, sizeof(info.driver), address, "driver");
	if (!rc)
		rc = optional_link(info.physfn, sizeof(info.physfn), address, "physfn");
	if (!rc)
		rc = optional_link(group, sizeof(group), address, "iommu_group");
	if (rc)
		return rc;
	if (*group) {
		info.group = (uint32_t)strtoul(group, &end, 10);
		if (*end)
			return -EINVAL;
	}
	*ret = info;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	return strcmp(a, b);
}

int pci_list_bound(const char *driver, char (**ret)[PCI_ADDRESS_LEN], size_t *n)
{
	CLEANUP_FREE char *names = NULL;
	char(*list)[PCI_ADDRESS_LEN];
	struct pci_address a;
	size_t count = 0, used = 0;
	int rc = sysfs_list(&names, "/sys/bus/pci/drivers/%s", driver);

	if (rc && rc != -ENOENT)
		return rc;
	for (const char *at = names; at && *at; at += strlen(at) + 1)
		count++;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (const char *at = names; at && *at; at += strlen(at) + 1)
		if (strlen(at) == PCI_ADDRESS_LEN - 1 && pci_parse(at, &a)) /* not "bind", "new_id"... */
			memcpy(list[used++], at, PCI_ADDRESS_LEN);
	qsort(list, used, sizeof(*list), by_address);
	*ret = list;
	*n = used;
	return 0;
}

/* The same for as long as this process can live, so it is read once; but not that of another tree. */
static int boot(uint64_t *ret)
{
	static _Atomic uint64_t known;
	char text[64];
	int rc = 0;

	*ret = dev_has_root() ? 0 : known;
	if (*ret)
		return 0;
	rc = sysfs_text(text, sizeof(text), "/proc/sys/kernel/random/boot_id");
	if (rc)
		return rc;
	*ret = hash_text(HASH_START, text);
	if (!dev_has_root())
		known = *ret;
	return 0;
}

int pci_binding(const char *driver, const char *address, uint64_t ret[2])
{
	char path[DEV_PATH_MAX];
	struct stat st;
	int rc = dev_path(path, "/sys/bus/pci/drivers/%s/%s", driver, address);

	/* The link is made when the driver is bound, and sysfs gives no number twice in a boot. */
	if (!rc)
		rc = sys_lstat(path, &st);
	if (!rc)
		rc = boot(&ret[1]);
	if (!rc)
		ret[0] = st.st_ino;
	return rc;
}
