/* SPDX-License-Identifier: BSD-3-Clause */
/* What bind and release read of a device: driver, nodes, who holds them, its VFs. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "bind.h"

#define MAX_GROUPS 256

bool bind_exists(const char *fmt, ...)
{
	char tail[DEV_PATH_MAX], path[DEV_PATH_MAX];
	struct stat st;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(tail, sizeof(tail), fmt, ap);
	va_end(ap);
	return n > 0 && n < (int)sizeof(tail) && !dev_path(path, "%s", tail) && !lstat(path, &st);
}

void bind_driver(const char *address, char out[64])
{
	if (sysfs_link(out, 64, DEVICE "/driver", address))
		*out = 0;
}

void bind_override(const char *address, char out[64])
{
	if (sysfs_text(out, 64, DEVICE "/driver_override", address) || !strcmp(out, "(null)"))
		*out = 0;
}

int bind_node_stat(const char *path, struct bind_node *ret)
{
	char whole[DEV_PATH_MAX];
	struct stat st;
	int rc = dev_path(whole, "%s", path);

	if (rc)
		return rc;
	if (lstat(whole, &st))
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
	ret->mode = st.st_mode & 07777u;
	return 0;
}

size_t bind_nodes(const char *address, struct bind_node out[2])
{
	char name[32], path[64];
	size_t n = 0;

	if (!sysfs_link(name, sizeof(name), DEVICE "/iommu_group", address)) {
		snprintf(path, sizeof(path), "/dev/vfio/%s", name);
		n += !bind_node_stat(path, &out[n]);
	}
	if (!pci_vfio_dev(address, name, sizeof(name))) {
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
		n += !bind_node_stat(path, &out[n]);
	}
	return n;
}

static bool in_group(uid_t user, gid_t group)
{
	gid_t groups[MAX_GROUPS];
	const struct passwd *pw = getpwuid(user);
	int n = MAX_GROUPS;

	if (!pw || getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool bind_may_use(const struct bind_node *node, uid_t user)
{
	if (!user)
		return true;
	if (node->uid == user)
		return (node->mode & 0600) == 0600;
	if (in_group(user, node->gid))
		return (node->mode & 0060) == 0060;
	return (node->mode & 0006) == 0006;
}

/* ---- who holds it ---- */

/* Does this process have one of the nodes open. Those of others are seen by root alone. */
static bool has_open(const char *pid, const struct bind_node *nodes, size_t n)
{
	CLEANUP_FREE char *fds = NULL;
	char dir[64], path[sizeof(dir) + 32], target[256];

	snprintf(dir, sizeof(dir), "/proc/%.16s/fd", pid);
	if (sys_list(dir, &fds))
		return false;
	for (const char *at = fds; *at; at += strlen(at) + 1) {
		snprintf(path, sizeof(path), "%s/%.16s", dir, at);
		if (sys_readlink(path, target, sizeof(target)))
			continue;
		for (size_t i = 0; i < n; i++) {
			char whole[DEV_PATH_MAX];

			if (!dev_path(whole, "%s", nodes[i].path) && !strcmp(whole, target))
				return true;
		}
	}
	return false;
}

enum holder { UNSEEN, HELD, FREE };

static enum holder find_holder(const struct bind_node *nodes, size_t n, char *who, size_t len)
{
	CLEANUP_FREE char *pids = NULL;
	char name[PROCESS_NAME_MAX];
	bool mine = false;

	if (!n || sys_list("/proc", &pids))
		return UNSEEN;
	for (const char *at = pids; *at; at += strlen(at) + 1) {
		if (at[strspn(at, "0123456789")] || !has_open(at, nodes, n))
			continue;
		if (strtol(at, NULL, 10) == getpid()) { /* the plugin of this process has just looked at it */
			mine = true;
			continue;
		}
		process_name(at, name);
		snprintf(who, len, "%s", name);
		return HELD;
	}
	return mine ? FREE : UNSEEN;
}

/* The kernel lets a group be open once; and one whose devices are open by their own nodes not at all. */
static bool group_busy(const struct bind_node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP_CLOSE int fd = -1;
		char path[DEV_PATH_MAX];

		if (!strncmp(nodes[i].path, "/dev/vfio/devices/", 18) || dev_path(path, "%s", nodes[i].path))
			continue;
		fd = sys_open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
		if (fd == -EBUSY)
			return true;
	}
	return false;
}

bool bind_held(const char *address, char *who, size_t len)
{
	struct bind_node nodes[2];
	char driver[64];
	enum holder seen;
	size_t n;

	bind_driver(address, driver);
	if (strcmp(driver, VFIO_PCI))
		return false;
	n = bind_nodes(address, nodes);
	seen = find_holder(nodes, n, who, len);
	if (seen != UNSEEN || !group_busy(nodes, n))
		return seen == HELD;
	snprintf(who, len, "a process that cannot be seen from here");
	return true;
}

/* Regions hold the management engine's and the ports' devices, whose nodes have their names. */
static void add_fpga_nodes(const char *address, const char *region, struct bind_node *nodes, size_t room,
			   size_t *n)
{
	CLEANUP_FREE char *names = NULL;

	if (sysfs_list(&names, DEVICE "/fpga_region/%s", address, region))
		return;
	for (const char *at = names; *at && *n < room; at += strlen(at) + 1)
		if (!strncmp(at, "dfl-fme.", 8) || !strncmp(at, "dfl-port.", 9))
			snprintf(nodes[(*n)++].path, sizeof(nodes[0].path), "/dev/%.48s", at);
}

bool bind_fpga_held(const char *address, char *who, size_t len)
{
	CLEANUP_FREE char *regions = NULL;
	struct bind_node nodes[16];
	size_t n = 0;

	if (sysfs_list(&regions, DEVICE "/fpga_region", address))
		return false;
	for (const char *at = regions; *at; at += strlen(at) + 1)
		add_fpga_nodes(address, at, nodes, sizeof(nodes) / sizeof(nodes[0]), &n);
	return find_holder(nodes, n, who, len) == HELD;
}

bool bind_vf(const char *pf, unsigned int i, char out[PCI_ADDRESS_LEN])
{
	char name[32];

	if (sysfs_link(name, sizeof(name), DEVICE "/virtfn%u", pf, i) ||
	    strlen(name) != PCI_ADDRESS_LEN - 1)
		return false;
	memcpy(out, name, PCI_ADDRESS_LEN);
	return true;
}
