/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI cards, as sysfs shows them: is a driver bound, and the right one; may this user reach the
 * device; is its IOMMU group whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

#define ANY 0xffffu
#define MEMLOCK_NEEDED (8u << 20) /* what a kernel gives to everybody since 5.16 */
#define CAP_IPC_LOCK_BIT 14

static const struct id {
	unsigned int vendor, device, subsystem_vendor, subsystem_device;
	const char *name;
} known_ids[] = {
	{ 0x8086, 0xbcbd, ANY, ANY, "integrated FPGA" },
	{ 0x8086, 0xbcbf, ANY, ANY, "integrated FPGA, VF" },
	{ 0x8086, 0xbcc0, ANY, ANY, "integrated FPGA" },
	{ 0x8086, 0xbcc1, ANY, ANY, "integrated FPGA, VF" },
	{ 0x8086, 0x09c4, ANY, ANY, "PAC with Arria 10" },
	{ 0x8086, 0x09c5, ANY, ANY, "PAC with Arria 10, VF" },
	{ 0x8086, 0x0b2b, ANY, ANY, "PAC D5005" },
	{ 0x8086, 0x0b2c, ANY, ANY, "PAC D5005, VF" },
	{ 0x8086, 0x0b30, ANY, ANY, "PAC N3000" },
	{ 0x8086, 0x0b31, ANY, ANY, "PAC N3000, VF" },
	{ 0x8086, 0x0ddb, ANY, ANY, "CMC" },
	{ 0x8086, 0xbcce, 0x8086, 0x0000, "OFS" },
	{ 0x8086, 0xbcce, 0x8086, 0x0001, "OFS, PCIe kit" },
	{ 0x8086, 0xbcce, 0x8086, 0x138d, "OFS, D5005" },
	{ 0x8086, 0xbcce, 0x8086, 0x1770, "OFS, N6000" },
	{ 0x8086, 0xbcce, 0x8086, 0x1771, "OFS, N6001" },
	{ 0x8086, 0xbcce, 0x8086, 0x17d4, "OFS, C6100" },
	{ 0x8086, 0xbccf, 0x8086, 0x0000, "OFS, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x0001, "OFS, PCIe kit, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x138d, "OFS, D5005, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x1770, "OFS, N6000, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x1771, "OFS, N6001, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x17d4, "OFS, C6100, VF" },
	{ 0x8086, 0xaf00, 0x8086, 0x0000, "OFS" },
	{ 0x8086, 0xaf01, 0x8086, 0x0000, "OFS, VF" },
	{ 0x1c2c, 0x1000, ANY, ANY, "Silicom N5010" },
	{ 0x1c2c, 0x1001, ANY, ANY, "Silicom N5011" },
	{ 0x1c2c, 0x1002, ANY, ANY, "Silicom N5013" },
	{ 0x1c2c, 0x1003, ANY, ANY, "Silicom N5014" },
	{ 0x1ded, 0x8103, 0x1ded, 0x4342, "F5" },
};

struct pci {
	struct doctor *d;
	const char *address;
	char driver[64];      /* "": none */
	unsigned int group;   /* of the IOMMU, once it is known */
};

/* ---- reading sysfs ---- */

/* root, then the path that is made by fmt; out has room for PATH_MAX bytes. */
static void path_of(const struct doctor *d, char *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void path_of(const struct doctor *d, char *out, const char *fmt, ...)
{
	size_t used = (size_t)snprintf(out, PATH_MAX, "%.1024s", d->root);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out + used, PATH_MAX - used, fmt, ap);
	va_end(ap);
}

/* A number in an attribute of the device; false: there is none. */
static bool attribute(const struct doctor *d, const char *address, const char *name,
		      unsigned int *ret)
{
	char path[PATH_MAX], text[32];
	FILE *f;
	bool good;

	path_of(d, path, "/sys/bus/pci/devices/%s/%s", address, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	good = fgets(text, sizeof(text), f) != NULL;
	fclose(f);
	if (good)
		*ret = (unsigned int)strtoul(text, NULL, 0);
	return good;
}

/* The last part of what a link of the device points to; "" when there is none. */
static void link_name(const struct doctor *d, const char *address, const char *name, char *out,
		      size_t len)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	path_of(d, path, "/sys/bus/pci/devices/%s/%s", address, name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	slash = strrchr(target, '/');
	snprintf(out, len, "%.*s", (int)len - 1, slash ? slash + 1 : target);
}

static struct id read_id(const struct doctor *d, const char *address)
{
	struct id id = { 0 };

	attribute(d, address, "vendor", &id.vendor);
	attribute(d, address, "device", &id.device);
	attribute(d, address, "subsystem_vendor", &id.subsystem_vendor);
	attribute(d, address, "subsystem_device", &id.subsystem_device);
	return id;
}

static bool fits(unsigned int known, unsigned int value)
{
	return known == ANY || known == value;
}

/* The row that fits; one whose subsystem alone does not fit is better than none. */
static const struct id *find_id(const struct id *id, bool *subsystem_fits)
{
	const struct id *near = NULL;

	for (size_t i = 0; i < sizeof(known_ids) / sizeof(known_ids[0]); i++) {
		const struct id *k = &known_ids[i];

		if (k->vendor != id->vendor || k->device != id->device)
			continue;
		*subsystem_fits = fits(k->subsystem_vendor, id->subsystem_vendor) &&
				  fits(k->subsystem_device, id->subsystem_device);
		near = k;
		if (*subsystem_fits)
			break;
	}
	return near;
}

const char *pci_name(unsigned int vendor, unsigned int device, unsigned int subsystem_vendor,
		     unsigned int subsystem_device)
{
	struct id id = { vendor, device, subsystem_vendor, subsystem_device, NULL };
	bool subsystem_fits;
	const struct id *known = find_id(&id, &subsystem_fits);

	return !known ? "no known FPGA" : subsystem_fits ? known->name : "an unknown subsystem";
}

/* ---- the checks, in their order ---- */

static bool check_id(struct subject *s, struct pci *p)
{
	struct id id = read_id(p->d, p->address);
	bool subsystem_fits = false;
	const struct id *known = find_id(&id, &subsystem_fits);

	if (known && subsystem_fits)
		return step_ok(s, "id", "%04x:%04x, subsystem %04x:%04x: %s", id.vendor, id.device,
			       id.subsystem_vendor, id.subsystem_device, known->name);
	if (known)
		return step_note(s, "id", "%04x:%04x is an FPGA's, but its subsystem %04x:%04x is "
					  "not known", id.vendor, id.device, id.subsystem_vendor,
				 id.subsystem_device);
	step_wrong(s, "id", "%04x:%04x, subsystem %04x:%04x, is no known FPGA", id.vendor, id.device,
		   id.subsystem_vendor, id.subsystem_device);
	return fix(s, "lspci -nns %s   # what it is", p->address);
}

static bool check_vfs(struct subject *s, struct pci *p)
{
	unsigned int total = 0, now = 0;

	if (attribute(p->d, p->address, "sriov_totalvfs", &total) && total &&
	    attribute(p->d, p->address, "sriov_numvfs", &now) && !now)
		step_note(s, "VFs", "it can have %u and has none; accelerators that live in VFs "
				    "appear by: echo %u | sudo tee /sys/bus/pci/devices/%s/sriov_numvfs",
			  total, total, p->address);
	return true;
}

static bool fix_driver(struct subject *s, const char *address, bool bound)
{
	if (!bound)
		return fix(s, "sudo modprobe vfio-pci; echo vfio-pci | sudo tee "
			      "/sys/bus/pci/devices/%s/driver_override; echo %s | sudo tee "
			      "/sys/bus/pci/drivers_probe", address, address);
	return fix(s, "sudo modprobe vfio-pci; echo vfio-pci | sudo tee "
		      "/sys/bus/pci/devices/%s/driver_override; echo %s | sudo tee "
		      "/sys/bus/pci/devices/%s/driver/unbind /sys/bus/pci/drivers_probe", address,
		   address, address);
}

static bool check_driver(struct subject *s, struct pci *p)
{
	link_name(p->d, p->address, "driver", p->driver, sizeof(p->driver));
	if (!strcmp(p->driver, "vfio-pci") || !strcmp(p->driver, "dfl-pci"))
		return step_ok(s, "driver", "%s", p->driver);
	if (!*p->driver) {
		step_wrong(s, "driver", "no driver is bound to it");
		return fix_driver(s, p->address, false);
	}
	step_wrong(s, "driver", "%s is bound to it; vfio-pci is needed", p->driver);
	return fix_driver(s, p->address, true);
}

static bool check_iommu(struct subject *s, struct pci *p)
{
	char name[32], *end;

	link_name(p->d, p->address, "iommu_group", name, sizeof(name));
	p->group = (unsigned int)strtoul(name, &end, 10);
	if (*name && !*end)
		return step_ok(s, "IOMMU", "group %u", p->group);
	step_wrong(s, "IOMMU", "it is in no IOMMU group: the IOMMU is off");
	return fix(s, "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on iommu=pt /' "
		      "/etc/default/grub && sudo update-grub && sudo reboot   # and VT-d or AMD-Vi on "
		      "in the firmware");
}

/* May a device of the group stay with this driver while a program has the group. */
static bool harmless(const char *driver)
{
	return !*driver || !strcmp(driver, "vfio-pci") || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

static bool check_group(struct subject *s, struct pci *p)
{
	char path[PATH_MAX], driver[64];
	const struct dirent *e;
	bool good = true;
	DIR *dir;

	path_of(p->d, path, "/sys/bus/pci/devices/%s/iommu_group/devices", p->address);
	dir = opendir(path);
	while (good && dir && (e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		link_name(p->d, e->d_name, "driver", driver, sizeof(driver));
		good = harmless(driver);
		if (good)
			continue;
		step_wrong(s, "group", "%s, which is in group %u as well, is bound to %s, so nobody "
				       "may have the group", e->d_name, p->group, driver);
		fix_driver(s, e->d_name, true);
	}
	if (dir)
		closedir(dir);
	return good && step_ok(s, "group", "no other driver is in it");
}

static bool check_node(struct subject *s, struct pci *p)
{
	char container[PATH_MAX], node[PATH_MAX];

	path_of(p->d, container, "/dev/vfio/vfio");
	path_of(p->d, node, "/dev/vfio/%u", p->group);
	if (access(container, F_OK)) {
		step_wrong(s, "node", "/dev/vfio/vfio is missing");
		return fix(s, "sudo modprobe vfio vfio_iommu_type1   # in a container: --device "
			      "/dev/vfio/vfio --device /dev/vfio/%u", p->group);
	}
	if (!access(node, F_OK))
		return step_ok(s, "node", "/dev/vfio/%u", p->group);
	step_wrong(s, "node", "/dev/vfio/%u is missing", p->group);
	return fix(s, "sudo udevadm trigger --subsystem-match=vfio   # in a container: --device "
		      "/dev/vfio/%u", p->group);
}

static bool check_permission(struct subject *s, struct pci *p)
{
	char node[PATH_MAX];
	struct stat st = { 0 };

	path_of(p->d, node, "/dev/vfio/%u", p->group);
	if (!faccessat(AT_FDCWD, node, R_OK | W_OK, AT_EACCESS))
		return step_ok(s, "permission", "you may open it");
	stat(node, &st);
	step_wrong(s, "permission", "/dev/vfio/%u is of uid %u, gid %u, mode %04o, and you are uid %u",
		   p->group, st.st_uid, st.st_gid, st.st_mode & 07777u, geteuid());
	return fix(s, "sudo chown %u /dev/vfio/%u   # for good: echo 'SUBSYSTEM==\"vfio\", "
		      "OWNER=\"%u\"' | sudo tee /etc/udev/rules.d/90-vfio.rules", geteuid(), p->group,
		   geteuid());
}

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

static bool check_memlock(struct subject *s, struct pci *p)
{
	struct rlimit limit;

	(void)p;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || may_lock_all())
		return step_ok(s, "memlock", "no limit");
	if (limit.rlim_cur >= MEMLOCK_NEEDED)
		return step_ok(s, "memlock", "buffers of %llu MiB in all (ulimit -l)",
			       (unsigned long long)limit.rlim_cur >> 20);
	step_wrong(s, "memlock", "you may lock %llu KiB of memory, too little for buffers that the "
				 "device reaches", (unsigned long long)limit.rlim_cur >> 10);
	return fix(s, "sudo prlimit --pid $$ --memlock=unlimited   # for good: memlock in "
		      "/etc/security/limits.conf");
}

static bool check_hugepages(struct subject *s, struct pci *p)
{
	char path[PATH_MAX], text[32] = "0";
	FILE *f;

	path_of(p->d, path, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	if (!strtoul(text, NULL, 10))
		step_note(s, "huge pages", "none of 2 MiB are reserved; buffers are made of small "
					   "ones: echo 64 | sudo tee /proc/sys/vm/nr_hugepages");
	return true;
}

/* ---- the way of one device ---- */

static bool run(struct subject *s, struct pci *p)
{
	static bool (*const first[])(struct subject *s, struct pci *p) = {
		check_id, check_vfs, check_driver,
	};
	static bool (*const of_vfio[])(struct subject *s, struct pci *p) = {
		check_iommu, check_group, check_node, check_permission, check_memlock,
		check_hugepages,
	};
	bool good = true;

	for (size_t i = 0; good && i < sizeof(first) / sizeof(first[0]); i++)
		good = first[i](s, p);
	if (good && !strcmp(p->driver, "dfl-pci"))
		return check_kernel_plugin(s, p->address);
	for (size_t i = 0; good && i < sizeof(of_vfio) / sizeof(of_vfio[0]); i++)
		good = of_vfio[i](s, p);
	return good && check_vfio_plugin(s);
}

static void diagnose(struct doctor *d, const char *address)
{
	struct pci p = { .d = d, .address = address };
	struct subject s = subject_new(d, "pci", address);

	if (run(&s, &p))
		check_token(d, &s, address);
}

/* Is this device asked for: by name, or when none is, by an id that is an FPGA's. */
static bool wanted(struct doctor *d, const char *address)
{
	struct id id;
	bool subsystem_fits;

	if (d->only)
		return !strcmp(d->only, address);
	id = read_id(d, address);
	return find_id(&id, &subsystem_fits) != NULL;
}

static int no_dots(const struct dirent *e)
{
	return *e->d_name != '.';
}

void doctor_pci(struct doctor *d)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	int n;

	path_of(d, path, "/sys/bus/pci/devices");
	n = scandir(path, &entries, no_dots, alphasort);
	for (int i = 0; i < n; i++) {
		if (wanted(d, entries[i]->d_name))
			diagnose(d, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}
