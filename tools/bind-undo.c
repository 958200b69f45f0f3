/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way back: whatever differs from what a record says was before is changed. It does not matter how far
 * the bind had come; where a step fails the record stays, and release can be called again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"

/* ---- driver ---- */

static int rebind(struct bind_run *r, const struct bind_record *rec)
{
	char mend[192];
	int rc;

	snprintf(mend, sizeof(mend), "sudo modprobe %s; sudo opae release %s", rec->driver, rec->address);
	if (!bind_exists("/sys/bus/pci/drivers/%s", rec->driver)) {
		bind_refuse(rec->address, mend, "its driver %s is not there any more", rec->driver);
		return -ENOENT;
	}
	snprintf(mend, sizeof(mend), "dmesg | tail   # why %s does not take it; then: sudo opae release %s",
		 rec->driver, rec->address);
	rc = step_write(r, rec->address, mend, "/sys/bus/pci/drivers/%s/bind", rec->driver);
	return rc ? rc : step_wait(r, rec->address, rec->driver, mend);
}

static int undo_driver(struct bind_run *r, const struct bind_record *rec)
{
	char now[64], override[64];
	bool leave;
	int rc = 0;

	bind_driver(rec->address, now);
	bind_override(rec->address, override);
	leave = !strcmp(now, VFIO_PCI) && strcmp(rec->driver, VFIO_PCI);
	if (leave)
		rc = step_unbind(r, rec->address);
	if (!rc && strcmp(override, rec->override))
		rc = step_write(r, *rec->override ? rec->override : "\n", NULL, DEVICE "/driver_override",
				rec->address);
	if (!rc && *rec->driver && (leave || !*now))
		rc = rebind(r, rec);
	return rc;
}

/* ---- nodes ---- */

static bool others_have_vfio(const char *address)
{
	char(*all)[PCI_ADDRESS_LEN];
	struct pci_info mine, info;
	bool found = false;
	size_t n;

	if (pci_read(address, &mine) || pci_list_bound(VFIO_PCI, &all, &n))
		return false;
	for (size_t i = 0; i < n && !found; i++)
		found = strcmp(all[i], address) && !pci_read(all[i], &info) && info.group == mine.group;
	free(all);
	return found;
}

static int undo_node(struct bind_run *r, const struct bind_record *rec, const struct bind_node *before)
{
	struct bind_record other;
	struct bind_node now;
	int rc = bind_node_stat(before->path, &now);

	if (rc == -ENOENT || record_with_node(&rec->address, 1, before->path, &other))
		return 0; /* the last who has it gives it back */
	if (rc)
		return rc;
	if (now.uid != before->uid || now.gid != before->gid)
		rc = step_owner(r, before->path, before->uid, before->gid);
	if (!rc && now.mode != before->mode)
		rc = step_mode(r, before->path, before->mode);
	return rc;
}

/* A node goes with the driver; unless it is a group's of which vfio-pci has another device as well. */
static int undo_nodes(struct bind_run *r, const struct bind_record *rec)
{
	bool stays = !strcmp(rec->driver, VFIO_PCI), shared = stays || others_have_vfio(rec->address);
	int rc = 0;

	for (size_t i = 0; i < rec->num_nodes && !rc; i++)
		if (stays || (shared && strncmp(rec->nodes[i].path, "/dev/vfio/devices/", 18)))
			rc = undo_node(r, rec, &rec->nodes[i]);
	return rc;
}

/* ---- VFs ---- */

/* Those that were bound along with it: gone, when they were made for that; or they get their own back. */
static int undo_vf_records(struct bind_run *r, const char *pf, bool gone)
{
	char(*all)[PCI_ADDRESS_LEN];
	size_t n = record_list(&all);
	struct bind_record vf;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		if (record_load(all[i], &vf) || strcmp(vf.pf, pf))
			continue;
		rc = gone ? record_remove(r, all[i]) : bind_undo(r, &vf);
	}
	free(all);
	return rc;
}

int bind_undo_vfs(struct bind_run *r, struct bind_record *rec)
{
	uint64_t now = 0, autoprobe = 1;
	int rc = 0;

	sysfs_number(&now, DEVICE "/sriov_numvfs", rec->address);
	sysfs_number(&autoprobe, DEVICE "/sriov_drivers_autoprobe", rec->address);
	if (rec->vfs && now)
		rc = step_write(r, "0", NULL, DEVICE "/sriov_numvfs", rec->address);
	if (!rc && rec->autoprobe && !autoprobe)
		rc = step_write(r, "1", NULL, DEVICE "/sriov_drivers_autoprobe", rec->address);
	if (!rc)
		rc = undo_vf_records(r, rec->address, rec->vfs != 0);
	if (rc)
		return rc;
	rec->vfs = 0;
	rec->autoprobe = false;
	return 0;
}

/* ---- the module ---- */

/* It goes when nobody needs it; the duty to see to that passes on to another record. */
static int undo_module(struct bind_run *r, const struct bind_record *rec)
{
	char(*all)[PCI_ADDRESS_LEN], (*bound)[PCI_ADDRESS_LEN] = NULL;
	size_t n = record_list(&all), num_bound = 0;
	struct bind_record heir;
	bool needed = false;
	int rc = 0;

	for (size_t i = 0; i < n && !needed; i++)
		if (strcmp(all[i], rec->address) && !record_load(all[i], &heir)) {
			needed = heir.module = true;
			rc = record_save(r, &heir);
		}
	if (!needed && !pci_list_bound(VFIO_PCI, &bound, &num_bound))
		for (size_t i = 0; i < num_bound; i++)
			needed |= strcmp(bound[i], rec->address) != 0;
	free(all);
	free(bound);
	return rc || needed || r->tree ? rc : step_modprobe(r, false);
}

int bind_undo(struct bind_run *r, struct bind_record *rec)
{
	int rc = bind_undo_vfs(r, rec);

	if (!rc && rec->device)
		rc = undo_driver(r, rec);
	if (!rc)
		rc = undo_nodes(r, rec);
	if (!rc && rec->module)
		rc = undo_module(r, rec);
	return rc ? rc : record_remove(r, rec->address);
}
