/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that vfio-pci has: may this user reach it, is it free, and is there memory for buffers. There
 * are two ways to it, the group's (/dev/vfio/vfio and /dev/vfio/GROUP) and iommufd's (/dev/iommu and
 * /dev/vfio/devices/vfioN); one that is right is enough.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bind.h"
#include "doctor.h"

#define MEMLOCK_NEEDED (8u << 20) /* what a kernel gives to everybody since 5.16 */
#define CAP_IPC_LOCK_BIT 14
#define CONTAINER "/dev/vfio/vfio"
#define IOMMU "/dev/iommu"

/* A way: the node that all devices share, and the device's or its group's. */
struct way {
	const char *shared;
	char own[64];
};

static struct way group_way(const struct doctor_pci *p)
{
	struct way w = { .shared = CONTAINER };

	snprintf(w.own, sizeof(w.own), "/dev/vfio/%u", p->info.group);
	return w;
}

/* False: the kernel has no node for the device itself, by what sysfs says. */
static bool device_way(const struct doctor_pci *p, struct way *w)
{
	char name[32];

	w->shared = IOMMU;
	if (pci_vfio_dev(p->address, name, sizeof(name)))
		return false;
	snprintf(w->own, sizeof(w->own), "/dev/vfio/devices/%s", name);
	return true;
}

static bool is_there(const struct way *w)
{
	return bind_exists("%s", w->shared) && bind_exists("%s", w->own);
}

/* ---- nodes ---- */

/* The configuration wants iommufd's way alone. device NULL: the kernel has no node of the device itself. */
static bool no_iommufd(struct subject *s, struct doctor_pci *p, const struct way *device, bool group)
{
	bool udev = device && bind_exists(IOMMU);

	step_wrong(s, "node", "%s, and \"kernel\" in %s is \"iommufd\"",
		   udev			 ? "the device's own node in /dev/vfio/devices is missing" :
		   bind_exists(IOMMU) ? "the kernel gives devices no node of their own in /dev/vfio" :
					IOMMU " is missing", config_name());
	if (udev)
		return fix(s, "sudo udevadm trigger --subsystem-match=vfio-dev   # in a container: --device "
			      "/dev/iommu --device %s", device->own);
	if (group)
		return fix(s, "$EDITOR %s   # say \"kernel\": \"auto\": then the group's node is used where "
			      "there is no other", config_name());
	return fix(s, "sudo modprobe iommufd; sudo opae release %s; sudo opae bind %s   # from Linux 6.6 on; "
		      "before: \"kernel\": \"auto\"", p->address, p->address);
}

bool check_vfio_node(struct subject *s, struct doctor_pci *p)
{
	struct way group = group_way(p), device;
	bool has_own = device_way(p, &device);

	p->by_group = p->said.by_group && is_there(&group);
	p->by_device = p->said.by_device && has_own && is_there(&device);
	if (p->by_group || p->by_device)
		return step_ok(s, "node", "%s%s%s", p->by_group ? group.own : "",
			       p->by_group && p->by_device ? ", " : "", p->by_device ? device.own : "");
	if (!p->said.by_group)
		return no_iommufd(s, p, has_own ? &device : NULL, is_there(&group));
	has_own &= p->said.by_device;
	if (!bind_exists(CONTAINER)) {
		step_wrong(s, "node", CONTAINER " is missing%s", has_own ? ", and so is " IOMMU " or the "
									   "device's own node" : "");
		return fix(s, "sudo modprobe vfio vfio_iommu_type1   # in a container: --device "
			      "/dev/vfio/vfio --device /dev/vfio/%u", p->info.group);
	}
	step_wrong(s, "node", "%s is missing", group.own);
	return fix(s, "sudo udevadm trigger --subsystem-match=vfio   # in a container: --device %s",
		   group.own);
}

/* ---- permission ---- */

bool doctor_may_open(const char *node)
{
	char path[DEV_PATH_MAX];

	return !dev_path(path, "%s", node) && !faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS);
}

/* The first node of the way that is closed to this user; NULL: none is. */
static const char *closed(const struct way *w)
{
	return !doctor_may_open(w->own) ? w->own : !doctor_may_open(w->shared) ? w->shared : NULL;
}

void doctor_describe(const char *node, char *out, size_t len)
{
	struct bind_node n;

	if (bind_node_stat(node, &n))
		snprintf(out, len, "%s is out of reach", node);
	else
		snprintf(out, len, "%s is of uid %u, gid %u, mode %04o", node, n.uid, n.gid, n.mode);
}

bool check_vfio_permission(struct subject *s, struct doctor_pci *p)
{
	struct way group = group_way(p), device;
	bool has_own = device_way(p, &device);
	const char *no_group = p->by_group ? closed(&group) : group.own;
	const char *no_device = has_own && p->by_device ? closed(&device) : IOMMU, *node;
	char first[160], second[160] = "", mend[256];

	if (p->by_group && !no_group)
		return step_ok(s, "permission", "you may open it");
	if (p->by_device && !no_device)
		return step_ok(s, "permission", "you may open %s and " IOMMU, device.own);
	node = p->by_group ? no_group : no_device;
	doctor_describe(node, first, sizeof(first));
	if (p->by_group && p->by_device)
		doctor_describe(no_device, second, sizeof(second));
	step_wrong(s, "permission", "%s%s%s, and you are uid %u", first,
		   *second ? "; for the other way " : "", second, geteuid());
	if (!strcmp(node, CONTAINER) || !strcmp(node, IOMMU)) {
		mend_shared_node(node, geteuid(), mend, sizeof(mend));
		return fix(s, "%s", mend);
	}
	return fix(s, "sudo opae bind --user %u %s   # for good: echo 'SUBSYSTEM==\"vfio\", OWNER=\"%u\"' | "
		      "sudo tee -a " UDEV_RULES, geteuid(), p->address, geteuid());
}

/* ---- others ---- */

bool check_vfio_holder(struct subject *s, struct doctor_pci *p)
{
	char who[96];

	if (bind_held(p->address, who, sizeof(who)))
		step_note(s, "holder", "%s has it open: nobody else can open it until that ends", who);
	return true;
}

bool check_vfio_token(struct subject *s, struct doctor_pci *p)
{
	struct pci_info pf;

	if (*p->info.physfn && !pci_read(p->info.physfn, &pf) && !strcmp(pf.driver, VFIO_PCI))
		step_note(s, "VF token", "its PF %s is vfio-pci's as well: who opens this VF must know the "
					 "token that the PF's user has set", p->info.physfn);
	return true;
}

/* ---- memory ---- */

static bool may_lock_all(void)
{
	char line[128];
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7))
			caps = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
	return caps >> CAP_IPC_LOCK_BIT & 1;
}

bool check_memlock(struct subject *s, struct doctor_pci *p)
{
	struct rlimit limit;

	(void)p;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || may_lock_all())
		return step_ok(s, "memlock", "no limit");
	if (limit.rlim_cur >= MEMLOCK_NEEDED)
		return step_ok(s, "memlock", "buffers of %llu MiB in all (ulimit -l)",
			       (unsigned long long)limit.rlim_cur >> 20);
	if (limit.rlim_cur)
		return step_note(s, "memlock", "you may lock %llu KiB of memory: buffers that are larger, "
					       "all together, fail; for more: sudo prlimit --pid $$ "
					       "--memlock=unlimited; for good: memlock in "
					       "/etc/security/limits.conf",
				 (unsigned long long)limit.rlim_cur >> 10);
	step_wrong(s, "memlock", "you may lock no memory at all, and so have no buffers that the device "
				 "reaches");
	return fix(s, "sudo prlimit --pid $$ --memlock=unlimited   # for good: memlock in "
		      "/etc/security/limits.conf");
}

bool check_hugepages(struct subject *s, struct doctor_pci *p)
{
	uint64_t n = 0;

	(void)p;
	if (sysfs_number(&n, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") || !n)
		step_note(s, "huge pages", "none of 2 MiB are reserved; buffers are made of small "
					   "ones: echo 64 | sudo tee /proc/sys/vm/nr_hugepages");
	return true;
}
