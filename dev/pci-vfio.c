/* SPDX-License-Identifier: BSD-3-Clause */
/* What vfio-pci makes of a device in sysfs, and who else is in its IOMMU group. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dev/pci.h"
#include "dev/sysfs.h"

int pci_vfio_dev(const char *address, char *out, size_t len)
{
	CLEANUP_FREE char *names = NULL;
	char number[32];
	int rc = sysfs_list(&names, "/sys/bus/pci/devices/%s/vfio-dev", address);

	if (rc)
		return rc;
	for (const char *at = names; *at; at += strlen(at) + 1) {
		/* Kernels without VFIO_DEVICE_CDEV have the folder too, but no number of a node in it. */
		rc = sysfs_text(number, sizeof(number), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev", address,
				at);
		if (rc == -ENOENT)
			continue;
		if (rc)
			return rc;
		if (strlen(at) >= len)
			return -ENAMETOOLONG;
		memcpy(out, at, strlen(at) + 1);
		return 0;
	}
	return -ENOENT;
}

bool pci_driver_harmless(const char *driver)
{
	/* As the kernel judges (drivers/vfio/group.c): none, one of vfio's, or one that does no DMA. */
	return !*driver || !strcmp(driver, "vfio-pci") || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

bool pci_group_spoiler_but(uint32_t group, const char (*except)[PCI_ADDRESS_LEN], size_t n,
			   char address[PCI_ADDRESS_LEN], char *driver, size_t len)
{
	CLEANUP_FREE char *names = NULL;
	char found[64];

	if (sysfs_list(&names, "/sys/kernel/iommu_groups/%u/devices", group))
		return false;
	for (const char *at = names; *at; at += strlen(at) + 1) {
		bool excepted = false;

		for (size_t i = 0; i < n; i++)
			excepted |= !strcmp(except[i], at);
		if (excepted || sysfs_link(found, sizeof(found), "/sys/bus/pci/devices/%s/driver", at) ||
		    pci_driver_harmless(found))
			continue;
		snprintf(address, PCI_ADDRESS_LEN, "%.12s", at);
		snprintf(driver, len, "%s", found);
		return true;
	}
	return false;
}

bool pci_group_spoiler(uint32_t group, char address[PCI_ADDRESS_LEN], char *driver, size_t len)
{
	return pci_group_spoiler_but(group, NULL, 0, address, driver, len);
}
