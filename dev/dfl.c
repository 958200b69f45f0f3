/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/dfl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"

#define MAX_DEVICES 1024u

/* Where the class's link leads: ".../0000:b1:00.0/fpga_region/region0". */
static int region_address(const char *region, char out[PCI_ADDRESS_LEN])
{
	char path[DEV_PATH_MAX], link[DEV_PATH_MAX], tail[64];
	struct pci_address a;
	char *end, *name;
	int rc = dev_path(path, DFL_CLASS "/%s", region);

	if (!rc)
		rc = sys_readlink(path, link, sizeof(link));
	if (rc)
		return rc;
	snprintf(tail, sizeof(tail), "/fpga_region/%s", region);
	end = strstr(link, tail);
	if (!end || end[strlen(tail)])
		return -ENOENT;
	*end = 0;
	name = strrchr(link, '/');
	/* A region of an FME's own, for reconfiguration, is below the FME and not below the card. */
	if (!name || !pci_parse(name + 1, &a))
		return -ENOENT;
	pci_format(&a, out);
	return 0;
}

/* "dfl-port.12" */
static bool parse_name(const char *name, enum dfl_kind *kind, uint32_t *number)
{
	static const char *const prefixes[] = { [DFL_FME] = "dfl-fme.", [DFL_PORT] = "dfl-port." };

	for (unsigned int k = DFL_FME; k <= DFL_PORT; k++) {
		size_t n = strlen(prefixes[k]);
		unsigned long v;
		char *end;

		if (strncmp(name, prefixes[k], n) || name[n] < '0' || name[n] > '9')
			continue;
		v = strtoul(name + n, &end, 10);
		if (*end || v > 999999)
			return false;
		*kind = (enum dfl_kind)k;
		*number = (uint32_t)v;
		return true;
	}
	return false;
}

struct list {
	struct dfl_device *devices;
	size_t num;
};

static int add(struct list *l, const char *region, const char *name, const char *address)
{
	struct dfl_device d = { 0 }, *grown;

	if (!parse_name(name, &d.kind, &d.number))
		return 0;
	if (l->num == MAX_DEVICES)
		return -E2BIG;
	grown = reallocarray(l->devices, l->num + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->devices = grown;
	snprintf(d.address, sizeof(d.address), "%s", address);
	if (snprintf(d.dir, sizeof(d.dir), DFL_CLASS "/%s/%s", region, name) >= (int)sizeof(d.dir))
		return -ENAMETOOLONG;
	snprintf(d.node, sizeof(d.node), "/dev/%.24s", name);
	l->devices[l->num++] = d;
	return 0;
}

/* Is it this process that can do no more? */
static bool is_ours(int rc)
{
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
}

/* A card that goes away while it is listed, or of which sysfs tells nothing, costs the others nothing; and
 * what is no link is no region. */
static int add_region(struct list *l, const char *region)
{
	CLEANUP_FREE char *names = NULL;
	char address[PCI_ADDRESS_LEN];
	int rc = region_address(region, address);

	if (!rc)
		rc = sysfs_list(&names, DFL_CLASS "/%s", region);
	if (rc)
		return is_ours(rc) ? rc : 0;
	for (const char *at = names; *at && !rc; at += strlen(at) + 1)
		rc = add(l, region, at, address);
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct dfl_device *x = a, *y = b;
	int by_address = strcmp(x->address, y->address);

	if (by_address)
		return by_address;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

int dfl_list(struct dfl_device **ret, size_t *n)
{
	CLEANUP_FREE char *regions = NULL;
	struct list l = { 0 };
	int rc = sysfs_list(&regions, DFL_CLASS);

	*ret = NULL;
	*n = 0;
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	for (const char *at = regions; *at && !rc; at += strlen(at) + 1)
		rc = add_region(&l, at);
	if (rc) {
		free(l.devices);
		return rc;
	}
	if (l.num)
		qsort(l.devices, l.num, sizeof(*l.devices), compare);
	*ret = l.devices;
	*n = l.num;
	return 0;
}

bool dfl_there(const struct dfl_device *d)
{
	char path[DEV_PATH_MAX], address[PCI_ADDRESS_LEN], region[64];
	const char *from = d->dir + strlen(DFL_CLASS "/"), *end = strchr(from, '/');
	struct stat st;

	if (!end || (size_t)(end - from) >= sizeof(region))
		return false;
	memcpy(region, from, (size_t)(end - from));
	region[end - from] = 0;
	return !region_address(region, address) && !strcmp(address, d->address) &&
	       !dev_path(path, "%s", d->dir) && !sys_lstat(path, &st);
}

int dfl_identity(const struct dfl_device *d, uint64_t *ret)
{
	char path[DEV_PATH_MAX];
	struct stat st;
	int rc = dev_path(path, "%s", d->dir);

	if (!rc)
		rc = sys_lstat(path, &st);
	if (!rc)
		*ret = st.st_ino; /* the kernel numbers sysfs's folders in the order of their making */
	return rc;
}

bool dfl_has_driver(void)
{
	char path[DEV_PATH_MAX];

	return !dev_path(path, DFL_CLASS) && !sys_access(path, F_OK);
}
