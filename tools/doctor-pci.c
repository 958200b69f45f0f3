/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI cards, as sysfs shows them: what it is, is a driver bound, and the right one; is its IOMMU group
 * whole. The rest of vfio-pci's way is in doctor-vfio.c.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "bind.h"
#include "doctor.h"

#define DFL_PCI "dfl-pci"

/* ---- the checks, in their order ---- */

static bool check_id(struct subject *s, struct doctor_pci *p)
{
	const struct pci_id *id = &p->info.id;
	bool exact;
	const char *name = pci_fpga_name(id, &exact);

	if (p->said.named)
		return step_ok(s, "id", "%04x:%04x, subsystem %04x:%04x: %s, named by \"devices\" in %s",
			       id->vendor, id->device, id->subsystem_vendor, id->subsystem_device,
			       name ? name : "no known FPGA", config_name());
	if (name && exact)
		return step_ok(s, "id", "%04x:%04x, subsystem %04x:%04x: %s", id->vendor, id->device,
			       id->subsystem_vendor, id->subsystem_device, name);
	if (name)
		return step_note(s, "id", "%04x:%04x is an FPGA's, but its subsystem %04x:%04x is "
					  "not known", id->vendor, id->device, id->subsystem_vendor,
				 id->subsystem_device);
	step_wrong(s, "id", "%04x:%04x, subsystem %04x:%04x, is no known FPGA", id->vendor, id->device,
		   id->subsystem_vendor, id->subsystem_device);
	return fix(s, "lspci -nns %s   # what it is; if it is yours to use: $EDITOR %s, and add \"%s\" to "
		      "\"devices\" in \"configuration\" of \"vfio\"", p->address, config_name(), p->address);
}

/* A known FPGA that the configuration leaves to others; whether the plugins work is told later. */
static bool check_named(struct subject *s, struct doctor_pci *p)
{
	if (p->said.served || !p->said.ready || !strcmp(p->info.driver, DFL_PCI))
		return true;
	step_wrong(s, "devices", "\"devices\" in %s does not name it", config_name());
	return fix(s, "$EDITOR %s   # add \"%s\" to \"devices\" in \"configuration\" of \"vfio\"",
		   config_name(), p->address);
}

static bool check_vfs(struct subject *s, struct doctor_pci *p)
{
	uint64_t total = 0, now = 0;

	if (!sysfs_number(&total, DEVICE "/sriov_totalvfs", p->address) && total &&
	    !sysfs_number(&now, DEVICE "/sriov_numvfs", p->address) && !now)
		step_note(s, "VFs", "it can have %u and has none; accelerators that live in VFs "
				    "appear by: sudo opae bind --vfs %u %s",
			  (unsigned int)total, (unsigned int)total, p->address);
	return true;
}

static bool check_iommu(struct subject *s, struct doctor_pci *p)
{
	char why[192], mend[320];

	if (p->info.group != PCI_NO_GROUP)
		return step_ok(s, "IOMMU", "group %u", p->info.group);
	mend_iommu(why, sizeof(why), mend, sizeof(mend));
	step_wrong(s, "IOMMU", "%s", why);
	return fix(s, "%s", mend);
}

enum module { MODULE_UNSEEN, MODULE_NONE, MODULE_THERE };

/* Among the modules of this release, as depmod lists them. */
static enum module find_module(const char *module, char *release, size_t len)
{
	char path[DEV_PATH_MAX], dashed[48], lined[48], *line = NULL;
	struct utsname name;
	bool found = false;
	size_t room = 0;
	FILE *f;

	if (uname(&name) || dev_path(path, "/lib/modules/%s/modules.dep", name.release))
		return MODULE_UNSEEN;
	snprintf(release, len, "%s", name.release);
	snprintf(dashed, sizeof(dashed), "/%s.ko", module);
	snprintf(lined, sizeof(lined), "%s", dashed);
	for (char *at = lined; (at = strchr(at, '-'));)
		*at = '_';
	f = fopen(path, "re");
	if (!f)
		return MODULE_UNSEEN;
	while (!found && getline(&line, &room, f) > 0)
		found = strstr(line, dashed) || strstr(line, lined);
	free(line);
	fclose(f);
	return found ? MODULE_THERE : MODULE_NONE;
}

/* The kernel's FPGA driver, for a device that it knows. */
struct other_way {
	bool there;
	char mend[192]; /* how it gets the device */
};

static struct other_way other_way(const struct doctor_pci *p)
{
	bool loaded = bind_exists("/sys/bus/pci/drivers/" DFL_PCI);
	struct other_way w = { 0 };
	char release[65];
	size_t used = 0;

	w.there = doctor_dfl_takes(&p->info.id) &&
		  (loaded || find_module(DFL_PCI, release, sizeof(release)) == MODULE_THERE);
	if (*p->info.driver)
		used = (size_t)snprintf(w.mend, sizeof(w.mend),
					"echo %s | sudo tee " DEVICE "/driver/unbind%s", p->address,
					p->address, loaded ? " " : "; ");
	if (!loaded)
		snprintf(w.mend + used, sizeof(w.mend) - used, "sudo modprobe " DFL_PCI);
	else if (used)
		snprintf(w.mend + used, sizeof(w.mend) - used, "/sys/bus/pci/drivers/" DFL_PCI "/bind");
	else
		snprintf(w.mend, sizeof(w.mend), "echo %s | sudo tee /sys/bus/pci/drivers/" DFL_PCI "/bind",
			 p->address);
	return w;
}

/* vfio-pci must be had before anything can be bound to it. */
static bool check_module(struct subject *s, const struct other_way *other, bool *loaded)
{
	char release[65];

	*loaded = bind_exists("/sys/bus/pci/drivers/" VFIO_PCI);
	if (*loaded || find_module(VFIO_PCI, release, sizeof(release)) != MODULE_NONE)
		return true;
	step_wrong(s, "module", "the running kernel, %s, has no module vfio-pci", release);
	if (other->there)
		return fix(s, "%s   # the kernel's FPGA driver, which it has", other->mend);
	return fix(s, "sudo apt install linux-image-amd64 && sudo reboot   # cloud kernels leave it out; on "
		      "Ubuntu: linux-modules-extra-%s", release);
}

/* What gives the device to a driver that a working plugin is for; vfio-pci needs an IOMMU besides. */
static bool fix_driver(struct subject *s, const struct doctor_pci *p, const struct other_way *other)
{
	if (!other->there)
		return fix(s, "sudo opae bind %s", p->address);
	if (p->info.group == PCI_NO_GROUP || (kernel_plugin_ready() && !p->said.ready))
		return fix(s, "%s   # the kernel's FPGA driver", other->mend);
	return fix(s, "sudo opae bind %s   # or, for the kernel's FPGA driver: %s", p->address, other->mend);
}

static bool check_driver(struct subject *s, struct doctor_pci *p)
{
	struct other_way other = other_way(p);
	const char *driver = p->info.driver;
	bool loaded, dfl_loaded = bind_exists("/sys/bus/pci/drivers/" DFL_PCI);
	char also[64] = "";

	if (!strcmp(driver, VFIO_PCI) || !strcmp(driver, DFL_PCI))
		return step_ok(s, "driver", "%s", driver);
	if (!check_module(s, &other, &loaded))
		return false;
	if (!loaded)
		snprintf(also, sizeof(also), "; vfio-pci is not loaded%s",
			 other.there && !dfl_loaded ? ", nor is " DFL_PCI : "");
	if (p->info.group == PCI_NO_GROUP && !other.there) { /* nothing can be bound, and that comes first */
		step_note(s, "driver", "%s%s", *driver ? driver : "no driver is bound to it", also);
		return check_iommu(s, p);
	}
	if (*driver)
		step_wrong(s, "driver", "%s is bound to it; vfio-pci is needed%s", driver, also);
	else
		step_wrong(s, "driver", "no driver is bound to it%s", also);
	return fix_driver(s, p, &other);
}

static bool check_group(struct subject *s, struct doctor_pci *p)
{
	char other[PCI_ADDRESS_LEN], driver[64];

	if (!pci_group_spoiler(p->info.group, other, driver, sizeof(driver)))
		return step_ok(s, "group", "no other driver is in it");
	step_wrong(s, "group", "%s, which is in group %u as well, is bound to %s, so nobody may have the "
			       "group", other, p->info.group, driver);
	return fix(s, "sudo opae bind %s   # if it can be spared", other);
}

/* ---- the way of one device ---- */

static bool run(struct subject *s, struct doctor_pci *p)
{
	static bool (*const first[])(struct subject *s, struct doctor_pci *p) = {
		check_id, check_named, check_vfs, check_driver,
	};
	static bool (*const of_vfio[])(struct subject *s, struct doctor_pci *p) = {
		check_iommu, check_group, check_vfio_node, check_vfio_permission, check_vfio_holder,
		check_vfio_token, check_memlock, check_hugepages,
	};
	bool good = true;

	for (size_t i = 0; good && i < sizeof(first) / sizeof(first[0]); i++)
		good = first[i](s, p);
	if (good && !strcmp(p->info.driver, DFL_PCI))
		return check_dfl(s, p) && check_kernel_plugin(s, p->address);
	for (size_t i = 0; good && i < sizeof(of_vfio) / sizeof(of_vfio[0]); i++)
		good = of_vfio[i](s, p);
	return good && check_vfio_plugin(s);
}

/* A device that is ours by the configuration need not have registers that tell what it is. */
static void check_shown(struct doctor *d, struct subject *s, struct doctor_pci *p)
{
	if (!p->said.named || p->said.has_guid || has_token(d, p->address)) {
		check_token(d, s, "", p->address);
		return;
	}
	step_wrong(s, "token", "every step before is right, but fpgaEnumerate shows nothing at %s: it is in "
			       "use, or its registers tell no GUID; then its entry in \"devices\" may have "
			       "one", p->address);
	fix(s, "$EDITOR %s   # in \"devices\": {\"device\": \"%s\", \"guid\": \"...\"}, any that "
	       "programs ask for; LIBOPAE_LOG=2 opae list says what the plugin finds", config_name(),
	    p->address);
}

static void diagnose(struct doctor *d, const char *address)
{
	struct doctor_pci p = { .address = address };
	struct subject s = subject_new(d, "pci", address);
	int rc = pci_read(address, &p.info);

	if (!check_local(d, &s))
		return;
	if (rc) {
		step_wrong(&s, "id", "its ids cannot be read: %s", strerror(-rc));
		fix(&s, "lspci -nns %s   # is it still there?", address);
		return;
	}
	p.said = doctor_said_of(address, &p.info.id);
	if (run(&s, &p))
		check_shown(d, &s, &p);
	if (has_token(d, address)) /* whatever is wrong by what was looked at here */
		subject_shown(&s);
}

/* Is this device asked for: by name, or when none is, by an id that is an FPGA's, or by "devices". */
static bool wanted(struct doctor *d, const char *address)
{
	struct pci_info info;
	bool exact;

	if (d->only)
		return !strcmp(d->only, address);
	return !pci_read(address, &info) &&
	       (pci_fpga_name(&info.id, &exact) || doctor_said_of(address, &info.id).named);
}

static int no_dots(const struct dirent *e)
{
	return *e->d_name != '.' && strlen(e->d_name) == PCI_ADDRESS_LEN - 1;
}

size_t doctor_pci_list(char (**ret)[PCI_ADDRESS_LEN])
{
	struct dirent **entries = NULL;
	char path[DEV_PATH_MAX];
	int n = dev_path(path, "/sys/bus/pci/devices") ? 0 : scandir(path, &entries, no_dots, alphasort);

	*ret = calloc(n > 0 ? (size_t)n : 1, sizeof(**ret));
	for (int i = 0; i < n; i++) {
		if (*ret)
			memcpy((*ret)[i], entries[i]->d_name, PCI_ADDRESS_LEN);
		free(entries[i]);
	}
	free(entries);
	return *ret && n > 0 ? (size_t)n : 0;
}

void doctor_pci(struct doctor *d)
{
	char(*all)[PCI_ADDRESS_LEN];
	size_t n = doctor_pci_list(&all);

	for (size_t i = 0; i < n; i++)
		if (wanted(d, all[i]))
			diagnose(d, all[i]);
	free(all);
}
