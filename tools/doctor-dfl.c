/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A card that the kernel's FPGA driver (DFL) has: did it make devices of it, are the drivers of these
 * loaded, are its ports here, may this user open the nodes, and is there memory for buffers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bind.h"
#include "dev/dfl.h"
#include "doctor.h"

#define ANY 0xffffu
#define NAMES_MAX 256
#define HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* The card's devices of the driver's. */
struct parts {
	struct dfl_device *all;
	size_t n;
	const struct dfl_device *fme; /* NULL: it has none, as a virtual function */
	size_t ports;
};

/* kernel: drivers/fpga/dfl-pci.c; the vendor is Intel */
bool doctor_dfl_takes(const struct pci_id *id)
{
	static const struct {
		uint16_t device, subsystem;
	} rows[] = { { 0xbcbd, ANY },	 { 0xbcbf, ANY },    { 0xbcc0, ANY },	 { 0xbcc1, ANY },
		     { 0x09c4, ANY },	 { 0x09c5, ANY },    { 0x0b30, ANY },	 { 0x0b2b, ANY },
		     { 0x0b2c, ANY },	 { 0xbcce, 0x138d }, { 0xbcce, 0x1770 }, { 0xbcce, 0x1771 },
		     { 0xbcce, 0x17d4 }, { 0xbccf, 0x1770 }, { 0xbccf, 0x1771 }, { 0xbccf, 0x17d4 } };

	for (size_t i = 0; id->vendor == 0x8086 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].device == id->device &&
		    (rows[i].subsystem == ANY ||
		     (id->subsystem_vendor == 0x8086 && rows[i].subsystem == id->subsystem_device)))
			return true;
	return false;
}

static const char *name_of(const struct dfl_device *d)
{
	return strrchr(d->node, '/') + 1;
}

/* Those of one card, in place of those of all. */
static int find_parts(const char *address, struct parts *ret)
{
	int rc = dfl_list(&ret->all, &ret->n);
	size_t kept = 0;

	for (size_t i = 0; !rc && i < ret->n; i++)
		if (!strcmp(ret->all[i].address, address))
			ret->all[kept++] = ret->all[i];
	ret->n = kept;
	for (size_t i = 0; i < kept; i++)
		if (ret->all[i].kind == DFL_FME)
			ret->fme = &ret->all[i];
		else
			ret->ports++;
	return rc;
}

static void add_name(char names[NAMES_MAX], const char *name)
{
	size_t used = strlen(names);

	if (used + strlen(name) + 3 < NAMES_MAX)
		snprintf(names + used, NAMES_MAX - used, "%s%s", used ? ", " : "", name);
}

/* ---- what the driver made ---- */

static bool check_region(struct subject *s, const struct doctor_pci *p, const struct parts *x, int rc)
{
	char names[NAMES_MAX] = "";

	if (!dfl_has_driver()) {
		step_wrong(s, "region",
			   DFL_CLASS " is missing: the module fpga_region is not loaded, or this is a "
				     "container without it");
		return fix(s, "sudo modprobe fpga-region; sudo modprobe dfl-pci   # then: opae doctor %s",
			   p->address);
	}
	if (rc) {
		step_wrong(s, "region", DFL_CLASS " cannot be read: %s", strerror(-rc));
		return fix(s, "ls -lR " DFL_CLASS "/   # as you");
	}
	for (size_t i = 0; i < x->n; i++)
		add_name(names, name_of(&x->all[i]));
	if (x->n)
		return step_ok(s, "region", "%s", names);
	step_wrong(s, "region",
		   "dfl-pci has it, and made neither a management engine nor a port of it: it understood "
		   "no feature list, or it is still at it");
	return fix(s, "sudo dmesg | grep -e dfl -e %s   # what it found", p->address);
}

/* Their own parts by which a management engine reconfigures. */
static void note_reconfiguration(struct subject *s, const struct dfl_device *fme)
{
	CLEANUP_FREE char *names = NULL;
	char idle[NAMES_MAX] = "", driver[64];

	if (sysfs_list(&names, "%s", fme->dir))
		return;
	for (const char *at = names; *at; at += strlen(at) + 1)
		if ((!strncmp(at, "dfl-fme-mgr.", 12) || !strncmp(at, "dfl-fme-bridge.", 15) ||
		     !strncmp(at, "dfl-fme-region.", 15)) &&
		    sysfs_link(driver, sizeof(driver), "%s/%s/driver", fme->dir, at))
			add_name(idle, at);
	if (*idle)
		step_note(s, "modules",
			  "no driver has %s: partial reconfiguration needs them: sudo modprobe -a "
			  "dfl-fme-mgr dfl-fme-br dfl-fme-region",
			  idle);
}

/* The devices are there without their drivers, and so are the nodes; but these lead nowhere. */
static bool check_modules(struct subject *s, const struct parts *x)
{
	char driver[64];

	for (size_t i = 0; i < x->n; i++) {
		const struct dfl_device *d = &x->all[i];
		const char *module = d->kind == DFL_FME ? "dfl-fme" : "dfl-afu";

		if (!sysfs_link(driver, sizeof(driver), "%s/driver", d->dir))
			continue;
		step_wrong(s, "modules", "no driver has %s: the module %s is not loaded", name_of(d),
			   module);
		return fix(s, "sudo modprobe %s", module);
	}
	if (x->fme)
		note_reconfiguration(s, x->fme);
	return step_ok(s, "modules", "each has its driver");
}

/* A port that was released is the management engine's alone, or a virtual function's. */
static bool check_ports(struct subject *s, const struct doctor_pci *p, const struct parts *x)
{
	uint64_t ports, vfs = 0;
	unsigned int away;

	if (!x->fme || sysfs_number(&ports, "%s/ports_num", x->fme->dir) || ports <= x->ports || ports > 64)
		return true;
	away = (unsigned int)(ports - x->ports);
	sysfs_number(&vfs, DEVICE "/sriov_numvfs", p->address);
	if (vfs)
		return step_note(s, "ports",
				 "%u of its %u ports are released, and it has %u VFs, which have them",
				 away, (unsigned int)ports, (unsigned int)vfs);
	if (x->ports)
		return step_note(s, "ports",
				 "%u of its %u ports %s released: fpgaAssignPortToInterface() gives one "
				 "back",
				 away, (unsigned int)ports, away == 1 ? "is" : "are");
	if (ports == 1)
		step_wrong(s, "ports", "its port is released, so there is no accelerator");
	else
		step_wrong(s, "ports", "all of its %u ports are released, so there is no accelerator", away);
	return fix(s,
		   "echo %s | sudo tee /sys/bus/pci/drivers/dfl-pci/unbind /sys/bus/pci/drivers/dfl-pci/bind"
		   "   # or give a port back with fpgaAssignPortToInterface()",
		   p->address);
}

/* ---- nodes ---- */

static bool check_nodes(struct subject *s, const struct parts *x)
{
	for (size_t i = 0; i < x->n; i++) {
		if (bind_exists("%s", x->all[i].node))
			continue;
		step_wrong(s, "node", "%s is missing", x->all[i].node);
		return fix(s, "sudo udevadm trigger --sysname-match=%s   # in a container: --device %s",
			   name_of(&x->all[i]), x->all[i].node);
	}
	return true;
}

/* Without the management engine's node the accelerators can be used all the same. */
static bool check_permission(struct subject *s, const struct parts *x)
{
	char what[160];

	for (size_t i = 0; i < x->n; i++) {
		const struct dfl_device *d = &x->all[i];

		if (doctor_may_open(d->node))
			continue;
		doctor_describe(d->node, what, sizeof(what));
		if (d->kind == DFL_FME && x->ports) {
			step_note(s, "permission",
				  "%s, and you are uid %u: you may use accelerators, but not manage "
				  "the card; else: sudo chown %u %s",
				  what, geteuid(), geteuid(), d->node);
			continue;
		}
		step_wrong(s, "permission", "%s, and you are uid %u", what, geteuid());
		return fix(s,
			   "sudo chown %u %s   # for good: group fpga and 70-opae-dfl.rules, see "
			   "docs/binding.md",
			   geteuid(), d->node);
	}
	return step_ok(s, "permission", "you may open %s", x->ports ? "its ports" : "it");
}

/* Whether it is open alone shows nowhere; opening it to see would keep others out meanwhile. */
static void note_holder(struct subject *s, const struct doctor_pci *p)
{
	char who[96];

	if (bind_fpga_held(p->address, who, sizeof(who)))
		step_note(s, "holder",
			  "%s has it open: if it does so alone, nobody else can until that ends", who);
}

/* ---- memory ---- */

static void note_hugepages(struct subject *s)
{
	uint64_t free_pages = 0, all = 0;

	sysfs_number(&all, HUGE_PAGES "nr_hugepages");
	sysfs_number(&free_pages, HUGE_PAGES "free_hugepages");
	if (free_pages)
		step_ok(s, "huge pages", "%llu of %llu of 2 MiB are free", (unsigned long long)free_pages,
			(unsigned long long)all);
	else
		step_note(s, "huge pages",
			  "none of 2 MiB is free (%llu are reserved): for this driver a buffer of more "
			  "than 4 KiB must lie in one piece, and without them that is left to luck: "
			  "echo %llu | sudo tee /proc/sys/vm/nr_hugepages",
			  (unsigned long long)all, (unsigned long long)all + 64);
}

bool check_dfl(struct subject *s, struct doctor_pci *p)
{
	struct parts x = { 0 };
	int rc = find_parts(p->address, &x);
	bool good = check_region(s, p, &x, rc) && check_modules(s, &x) && check_ports(s, p, &x) &&
		    check_nodes(s, &x) && check_permission(s, &x);

	if (good) {
		note_holder(s, p);
		good = check_memlock(s, p);
		note_hugepages(s);
	}
	free(x.all);
	return good;
}
