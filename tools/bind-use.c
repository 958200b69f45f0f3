/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a device in use in a way that shows: a network interface that is up, a disk or an FPGA that somebody
 * has, the screen. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "bind.h"

#define IFF_UP_BIT 1u
#define TABLE_MAX (256 * 1024)

/* Does the entry of a class hang below the device: the link leads through its folder. */
static bool below(const char *class, const char *name, const char *address)
{
	char path[DEV_PATH_MAX], target[DEV_PATH_MAX], part[PCI_ADDRESS_LEN + 2];

	snprintf(part, sizeof(part), "/%s/", address);
	return !dev_path(path, "/sys/class/%s/%s", class, name) &&
	       !sys_readlink(path, target, sizeof(target)) && strstr(target, part);
}

static bool check_net(const char *address)
{
	CLEANUP_FREE char *names = NULL;
	char mend[128];
	uint64_t flags;

	if (sysfs_list(&names, "/sys/class/net"))
		return true;
	for (const char *at = names; *at; at += strlen(at) + 1) {
		if (!below("net", at, address))
			continue;
		if (!sysfs_number(&flags, "/sys/class/net/%s/flags", at) && !(flags & IFF_UP_BIT))
			continue;
		snprintf(mend, sizeof(mend), "sudo ip link set %.64s down   # if nothing needs it", at);
		return bind_refuse(address, mend, "its network interface %s is up", at);
	}
	return true;
}

/* ---- disks ---- */

/* All of a table in /proc; the caller frees. */
static char *read_table(const char *tail)
{
	char path[DEV_PATH_MAX], *text = calloc(1, TABLE_MAX + 1);
	CLEANUP_CLOSE int fd = -1;
	size_t used = 0;
	ssize_t n;

	if (!text || dev_path(path, "%s", tail))
		return text;
	fd = sys_open(path, O_RDONLY, 0);
	while (fd >= 0 && used < TABLE_MAX &&
	       (n = sys_pread(fd, text + used, TABLE_MAX - used, (off_t)used)) > 0)
		used += (size_t)n;
	return text;
}

/* Does the table have this word, with white space on both sides. */
static bool has_word(const char *table, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = table; len && (at = strstr(at, word)); at += len)
		if ((at == table || strchr(" \t\n", at[-1])) && strchr(" \t\n", at[len]))
			return true;
	return false;
}

/* Mounted, swapped to, or part of a volume. A table that cannot be read counts as use. */
static const char *disk_use(const char *disk)
{
	CLEANUP_FREE char *mounts = read_table("/proc/self/mountinfo"), *swaps = read_table("/proc/swaps");
	CLEANUP_FREE char *holders = NULL;
	char number[32] = "", node[64];

	sysfs_text(number, sizeof(number), "/sys/class/block/%s/dev", disk);
	snprintf(node, sizeof(node), "/dev/%.48s", disk);
	if (!mounts || !swaps || !*mounts || has_word(mounts, number) || has_word(mounts, node))
		return "mounted";
	if (has_word(swaps, node))
		return "swapped to";
	return sysfs_list(&holders, "/sys/class/block/%s/holders", disk) || !*holders ? NULL : "in a volume";
}

/*
 * The disk that a path to an NVMe namespace, "nvme0c1n2", is a part of is not below the controller in sysfs
 * but has a number in common: "nvme0n2".
 */
static bool same_disk(const char *path, const char *disk)
{
	unsigned int subsystem, controller, space;
	char head[48];
	int used = 0;
	size_t len;

	if (sscanf(path, "nvme%uc%un%u%n", &subsystem, &controller, &space, &used) != 3 || path[used])
		return !strcmp(path, disk);
	len = (size_t)snprintf(head, sizeof(head), "nvme%un%u", subsystem, space);
	return !strncmp(disk, head, len) && (!disk[len] || disk[len] == 'p');
}

static bool check_disks(const char *address)
{
	CLEANUP_FREE char *names = NULL;
	char mend[128];

	if (sysfs_list(&names, "/sys/class/block"))
		return true;
	for (const char *at = names; *at; at += strlen(at) + 1) {
		if (!below("block", at, address))
			continue;
		for (const char *disk = names; *disk; disk += strlen(disk) + 1) {
			const char *use = same_disk(at, disk) ? disk_use(disk) : NULL;

			if (!use)
				continue;
			snprintf(mend, sizeof(mend), "lsblk /dev/%.48s   # and end what uses it", disk);
			return bind_refuse(address, mend, "its disk %s is %s", disk, use);
		}
	}
	return true;
}

static bool check_screen(const char *address)
{
	static const char mend[] = "take another card for this: the console would be gone";
	CLEANUP_FREE char *names = NULL;
	uint64_t vga;

	if (!sysfs_number(&vga, DEVICE "/boot_vga", address) && vga)
		return bind_refuse(address, mend, "it is the graphics card of the console");
	if (sysfs_list(&names, "/sys/class/graphics"))
		return true;
	for (const char *at = names; *at; at += strlen(at) + 1)
		if (below("graphics", at, address))
			return bind_refuse(address, mend, "the console's frame buffer %s is on it", at);
	return true;
}

/* Taking the driver away would end what the program does, or wait for it. */
static bool check_fpga(const char *address)
{
	char who[96];

	if (!bind_fpga_held(address, who, sizeof(who)))
		return true;
	return bind_refuse(address, "end that program first", "%s drives it by the kernel's FPGA driver",
			   who);
}

bool bind_check_use(const char *address)
{
	return check_screen(address) && check_net(address) && check_disks(address) && check_fpga(address);
}
