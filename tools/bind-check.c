/* SPDX-License-Identifier: BSD-3-Clause */
/* What bind refuses, before it changes anything: what it could not undo, and what would be of no use. */
#include <stdio.h>
#include <string.h>

#include "bind.h"

#define CLASS_BRIDGE 0x06

static bool check_kind(const char *address)
{
	uint64_t class;

	if (sysfs_number(&class, DEVICE "/class", address) || class >> 16 != CLASS_BRIDGE)
		return true;
	return bind_refuse(address, "name the device itself; lspci -t shows what hangs where",
			   "it is a bridge, and the devices behind it would go with it");
}

static bool check_override(const char *address)
{
	if (bind_exists(DEVICE "/driver_override", address))
		return true;
	return bind_refuse(address, "a kernel from 3.16 on is needed",
			   "this kernel gives it no driver_override");
}

static bool check_iommu(const char *address, uint32_t group)
{
	char why[192], mend[320];

	if (group != PCI_NO_GROUP)
		return true;
	mend_iommu(why, sizeof(why), mend, sizeof(mend));
	return bind_refuse(address, mend, "%s", why);
}

static bool check_group(const char (*all)[PCI_ADDRESS_LEN], size_t n, const char *address, uint32_t group)
{
	char other[PCI_ADDRESS_LEN], driver[64], mend[192];

	if (!check_iommu(address, group))
		return false;
	if (!pci_group_spoiler_but(group, all, n, other, driver, sizeof(driver)))
		return true;
	snprintf(mend, sizeof(mend), "sudo opae bind %s %s   # both, if %s can be spared", address, other,
		 other);
	return bind_refuse(address, mend, "%s, which is in IOMMU group %u as well, is bound to %s; nobody "
					  "may have the group while it is", other, group, driver);
}

/* Can the driver be made to let go; and would its VFs go with it. */
static bool check_driver(const char *address, const char *driver)
{
	char mend[256];
	uint64_t vfs;

	if (!*driver || !strcmp(driver, VFIO_PCI))
		return true;
	if (!bind_exists("/sys/bus/pci/drivers/%s/unbind", driver)) {
		snprintf(mend, sizeof(mend), "boot without %s (modprobe.blacklist=%s)", driver, driver);
		return bind_refuse(address, mend, "its driver %s does not let go of devices", driver);
	}
	if (sysfs_number(&vfs, DEVICE "/sriov_numvfs", address) || !vfs)
		return true;
	snprintf(mend, sizeof(mend), "opae release %s, if `opae bind --vfs` made them; else: echo 0 | sudo "
				     "tee " DEVICE "/sriov_numvfs", address, address);
	return bind_refuse(address, mend, "it has %u VFs, which would go with its driver %s",
			   (unsigned int)vfs, driver);
}

bool bind_check(const char (*all)[PCI_ADDRESS_LEN], size_t n, const char *address,
		const struct pci_info *info)
{
	if (!check_kind(address) || !check_group(all, n, address, info->group))
		return false;
	if (!strcmp(info->driver, VFIO_PCI)) /* by hand: then its nodes alone are concerned */
		return true;
	return check_override(address) && check_driver(address, info->driver) && bind_check_use(address);
}

/* ---- VFs ---- */

static bool check_vf_driver(const char *pf, const char *driver)
{
	char text[8], mend[128];

	snprintf(mend, sizeof(mend), "sudo opae bind %s, then this again", pf);
	if (!*driver)
		return bind_refuse(pf, mend, "no driver is bound to it, and without one it can have no VFs");
	if (strcmp(driver, VFIO_PCI))
		return true;
	if (!sysfs_text(text, sizeof(text), "/sys/module/vfio_pci/parameters/enable_sriov") &&
	    *text == 'Y')
		return true;
	return bind_refuse(pf, "echo Y | sudo tee /sys/module/vfio_pci/parameters/enable_sriov   # for good: "
			       "echo options vfio_pci enable_sriov=1 | sudo tee /etc/modprobe.d/vfio.conf",
			   VFIO_PCI " has it, which makes VFs only when its parameter enable_sriov is on");
}

/* Names one of the VFs that is more than there: a driver or a program has it. */
static bool vf_in_use(const char *pf, unsigned int n, char *what, size_t len)
{
	char vf[PCI_ADDRESS_LEN], driver[64], who[96];

	for (unsigned int i = 0; i < n && bind_vf(pf, i, vf); i++) {
		bind_driver(vf, driver);
		if (bind_held(vf, who, sizeof(who)))
			snprintf(what, len, "; %s has %s", who, vf);
		else if (*driver)
			snprintf(what, len, "; %s is bound to %s", vf, driver);
		else
			continue;
		return true;
	}
	return false;
}

static bool check_number(const char *pf, unsigned int n)
{
	char mend[160], what[192] = "";
	uint64_t total = 0, now = 0;

	if (sysfs_number(&total, DEVICE "/sriov_totalvfs", pf) || !total)
		return bind_refuse(pf, "opae bind without --vfs", "it cannot have VFs");
	snprintf(mend, sizeof(mend), "opae bind --vfs %u or fewer", (unsigned int)total);
	if (n > total)
		return bind_refuse(pf, mend, "it can have %u VFs, not %u", (unsigned int)total, n);
	if (sysfs_number(&now, DEVICE "/sriov_numvfs", pf))
		return bind_refuse(pf, "ls " "/sys/bus/pci/devices", "its sriov_numvfs cannot be read");
	if (!now || now == n)
		return true;
	vf_in_use(pf, (unsigned int)now, what, sizeof(what));
	snprintf(mend, sizeof(mend), "opae bind --vfs %u; or remove them: echo 0 | sudo tee " DEVICE
				     "/sriov_numvfs", (unsigned int)now, pf);
	return bind_refuse(pf, mend, "it has %u VFs already, and a number can be changed only by removing "
				     "them%s", (unsigned int)now, what);
}

bool bind_check_vfs(const char *pf, const struct pci_info *info, unsigned int n)
{
	if (*info->physfn)
		return bind_refuse(pf, "name its physical function", "it is a VF itself, of %s",
				   info->physfn);
	/* Where the PF has no group its VFs will have none, and could not be bound once they are made. */
	return check_number(pf, n) && check_vf_driver(pf, info->driver) && check_iommu(pf, info->group);
}
