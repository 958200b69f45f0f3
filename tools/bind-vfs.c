/* SPDX-License-Identifier: BSD-3-Clause */
/* opae bind --vfs: the physical function keeps its driver, and its VFs are made and bound. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bind.h"

/* Without autoprobe, so that no host driver has them for a moment and makes, say, an interface of each. */
static int make(struct bind_run *r, struct bind_record *rec)
{
	static const char mend[] = "dmesg | tail   # its driver may make none; where there is no room "
				   "for them, boot with pci=realloc";
	char number[16];
	int rc = 0;

	snprintf(number, sizeof(number), "%u", rec->vfs);
	if (rec->autoprobe)
		rc = step_write(r, "0", NULL, DEVICE "/sriov_drivers_autoprobe", rec->address);
	if (!rc)
		rc = step_write(r, number, mend, DEVICE "/sriov_numvfs", rec->address);
	if (!rc && rec->autoprobe)
		rc = step_write(r, "1", NULL, DEVICE "/sriov_drivers_autoprobe", rec->address);
	if (!rc)
		rec->autoprobe = false;
	return rc;
}

/* What is to be done with VFs that are not there yet. With the PF vfio-pci has its VFs from birth. */
static void plan(struct bind_run *r, const char *pf, const char *driver, unsigned int n, uid_t user)
{
	char at[DEV_PATH_MAX], probe[DEV_PATH_MAX], nodes[DEV_PATH_MAX];

	if (dev_path(at, DEVICE "/virtfn", pf) || dev_path(probe, "/sys/bus/pci/drivers_probe") ||
	    dev_path(nodes, "/dev/vfio"))
		return;
	if (strcmp(driver, VFIO_PCI) && !bind_exists("/sys/bus/pci/drivers/" VFIO_PCI))
		step_command(r, "modprobe " VFIO_PCI);
	for (unsigned int i = 0; i < n; i++) {
		step_remark(r, "VF %u: notes in " BIND_DIR " how it was", i);
		if (strcmp(driver, VFIO_PCI)) {
			step_command(r, "echo " VFIO_PCI " > %s%u/driver_override", at, i);
			step_command(r, "echo $(basename $(readlink %s%u)) > %s", at, i, probe);
		}
		step_remark(r, "waits until " VFIO_PCI " has it and the nodes are there");
		step_command(r, "chown %u %s/$(basename $(readlink %s%u/iommu_group))", user, nodes, at, i);
		if (bind_exists("/dev/iommu"))
			step_command(r, "chown %u %s/devices/$(ls %s%u/vfio-dev)", user, nodes, at, i);
	}
}

/* They are there when the write returns, by all kernels that are known; a moment costs nothing. */
static bool find_vf(const char *pf, unsigned int i, char out[PCI_ADDRESS_LEN])
{
	int64_t deadline = clock_deadline(NS_PER_S);

	while (!bind_vf(pf, i, out)) {
		if (!clock_left_ms(deadline))
			return false;
		clock_sleep_ns(NS_PER_MS);
	}
	return true;
}

static bool bind_those_there(struct bind_run *r, const char *pf, unsigned int n, uid_t user)
{
	char(*all)[PCI_ADDRESS_LEN] = calloc(n, sizeof(*all));
	bool good = all != NULL;

	for (unsigned int i = 0; i < n && good; i++)
		good = find_vf(pf, i, all[i]) ||
		       bind_refuse(pf, "dmesg | tail", "it was to have %u VFs, and number %u is not there",
				   n, i);
	good = good && bind_devices(r, (const char(*)[PCI_ADDRESS_LEN])all, n, user, pf);
	free(all);
	return good;
}

/* The record of the PF: its own, when it is bound itself, or a fresh one. *had: there was one. */
static bool begin(const char *pf, const struct pci_info *info, uid_t user, struct bind_record *rec,
		  bool *had)
{
	char mend[96];
	int rc = record_load(pf, rec);

	*had = !rc;
	if (rc == -ENOENT)
		*rec = record_new(pf, info, user);
	if (rc)
		return rc == -ENOENT;
	snprintf(mend, sizeof(mend), "sudo opae release %s", pf);
	return record_fits(rec, &info->id) &&
	       (rec->complete || bind_refuse(pf, mend, "a bind of it was broken off"));
}

/* Those that this call has bound are released already; now the VFs go, if it made them, and its record. */
static void roll_back(struct bind_run *r, struct bind_record *rec, bool had)
{
	int rc = rec->complete ? 0 : bind_undo_vfs(r, rec);

	if (!rc && had && !rec->complete) {
		rec->complete = true;
		rc = record_save(r, rec);
	} else if (!rc && !had) {
		rc = record_remove(r, rec->address);
	}
	if (rc)
		fprintf(stderr, "opae: %s: its VFs could not be removed: sudo opae release %s\n",
			rec->address, rec->address);
	else
		fprintf(stderr, "opae: %s: its VFs are as they were before\n", rec->address);
}

bool bind_vfs(struct bind_run *r, const char *pf, unsigned int n, uid_t user)
{
	struct bind_record rec = { 0 };
	uint64_t now = 0, autoprobe = 0;
	struct pci_info info;
	bool had, good;

	if (pci_read(pf, &info))
		return bind_refuse(pf, "lspci   # shows what there is", "there is no such PCI device");
	if (!bind_check_vfs(pf, &info, n) || !begin(pf, &info, user, &rec, &had))
		return false;
	sysfs_number(&now, DEVICE "/sriov_numvfs", pf);
	sysfs_number(&autoprobe, DEVICE "/sriov_drivers_autoprobe", pf);
	rec.complete = now != 0; /* of the PF itself nothing is left to do */
	if (!now) {
		rec.vfs = n;
		rec.autoprobe = autoprobe == 1;
	}
	step_remark(r, "%s: notes in " BIND_DIR " that it had %u VFs", pf, (unsigned int)now);
	if (record_save(r, &rec))
		return false;
	good = now || !make(r, &rec);
	if (good && r->dry && !now) {
		plan(r, pf, info.driver, n, user);
		return true;
	}
	good = good && bind_those_there(r, pf, n, user);
	if (!good && !r->dry)
		roll_back(r, &rec, had);
	if (!good || rec.complete)
		return good;
	rec.complete = true;
	return !record_save(r, &rec);
}
