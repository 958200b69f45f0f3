/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/gate-look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/emu-dir.h"
#include "base/inventory-dir.h"
#include "base/inventory-lock.h"
#include "base/sys.h"
#include "daemon/gate-holder.h"
#include "daemon/gate-places.h"
#include "daemon/gate.h"

#define UEVENT_GROUP 1

/* ---- where it is ---- */

static bool is_in(const char *path)
{
	return *path == '/' && path[1] && !strchr(path + 1, '/') && strcmp(path, "/.") && strcmp(path, "/..");
}

/*
 * The folder itself, or what is in it, when it can be trusted. Whether it can is told by STAT of it and of
 * what is above it.
 */
static bool is_at(const char *path, const char *dir, uint32_t type)
{
	size_t len = strlen(dir);
	bool whose = type == CHANNEL_STAT || type == CHANNEL_LSTAT;

	if (strncmp(path, dir, len) != 0)
		return false;
	path += len;
	if (whose && (!*path || !strcmp(path, "/..")))
		return true;
	return (!*path || is_in(path)) && emu_dir_trusted(dir);
}

static bool is_ours(const char *path, uint32_t type)
{
	char inventory[INVENTORY_DIR_MAX], emu[EMU_DIR_MAX];

	return (inventory_dir_path(inventory, sizeof(inventory), NULL) && is_at(path, inventory, type)) ||
	       (emu_dir_path(emu, sizeof(emu)) && is_at(path, emu, type));
}

static bool is_named(const char *path, const char *const *named)
{
	for (; named && *named; named++)
		if (!strcmp(path, *named))
			return true;
	return false;
}

/* Where a look leads; -EACCES: it is none of a worker's. */
static int judge(const struct gate_who *who, const char *path, uint32_t type, const char *const *named,
		 char real[PATH_MAX])
{
	bool follow = type != CHANNEL_LSTAT && type != CHANNEL_READLINK;
	char why[GATE_WHY_MAX], at[CHANNEL_PATH_MAX];
	size_t len = strlen(path);
	int rc, missing;

	memcpy(real, path, len + 1);
	if (is_ours(path, type) || is_named(path, named))
		return 0;
	memcpy(at, path, len + 1);
	if (len > 1 && at[len - 1] == '/') { /* a folder, or a link to one */
		at[len - 1] = 0;
		follow = true;
	}
	if (!gate_is_plain(at))
		return -EACCES;
	missing = gate_resolve(at, follow, real);
	if (!*real)
		return missing;
	rc = gate_is_device(real) ? gate_judge_node(who, real, why) : gate_judge_sysfs(who, real, why);
	return rc ? rc : missing;
}

/* ---- what is there ---- */

/* A list that is too long for a message is a file. */
static int list_to(const char *real, struct channel_found *found, int *fd)
{
	CLEANUP_FREE char *names = NULL;
	int rc = sys_list(real, &names);
	size_t len = 1;

	if (rc)
		return rc;
	for (const char *at = names; *at; at += strlen(at) + 1)
		len += strlen(at) + 1;
	found->len = (uint32_t)len;
	if (len <= sizeof(found->text)) {
		memcpy(found->text, names, len);
		return 0;
	}
	*fd = sys_memfd("opaed-list", 0);
	if (*fd < 0)
		return *fd;
	return sys_pwrite(*fd, names, len, 0) == (ssize_t)len ? 0 : -ENOSPC;
}

/* What is ours is no link: it would lead to what is not. */
static int stat_to(const char *real, const char *const *named, struct channel_found *found)
{
	int rc = is_named(real, named) ? sys_stat(real, &found->st) : sys_lstat(real, &found->st);

	return rc || !S_ISLNK(found->st.st_mode) ? rc : -EACCES;
}

static int find(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		struct channel_found *found, int *fd)
{
	char real[PATH_MAX];
	int rc = judge(who, m->path.path, m->type, named, real);

	if (rc)
		return rc;
	switch (m->type) {
	case CHANNEL_STAT:
		return stat_to(real, named, found);
	case CHANNEL_LSTAT:
		return sys_lstat(real, &found->st);
	case CHANNEL_LIST:
		return list_to(real, found, fd);
	default:
		rc = sys_readlink(real, found->text, sizeof(found->text));
		found->len = rc ? 0 : (uint32_t)strlen(found->text) + 1;
		return rc;
	}
}

/* ---- who has a device ---- */

static int judge_device(const struct gate_who *who, const char *device, const char *const *named, char *why)
{
	struct pci_address a;

	if (*device == '/' ? !gate_is_socket(device, named) : !pci_parse(device, &a))
		return -EACCES;
	return gate_judge_device(who, device, why);
}

static int find_holder(const struct gate_who *who, const char *device, const char *const *named,
		       struct channel_found *found)
{
	char why[GATE_WHY_MAX];
	int rc = judge_device(who, device, named, why);

	if (rc)
		return rc;
	found->len = PROCESS_NAME_MAX;
	return gate_holder(device, found->text);
}

/*
 * Who is about to look at a device finds in the inventory what the scout has seen: he could not tell others
 * himself.
 */
static int lock(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		char *why)
{
	const char *device = m->path.path;
	char dir[INVENTORY_DIR_MAX];
	int rc;

	if (m->value != INVENTORY_HOLD && m->value != INVENTORY_LOOK)
		return -EACCES;
	rc = judge_device(who, device, named, why);
	if (!rc && m->value == INVENTORY_LOOK)
		rc = gate_scouted(who, device);
	if (rc)
		return rc;
	if (!inventory_dir_make(dir, sizeof(dir)))
		return -ENOLCK;
	rc = inventory_lock_lend(dir, device, (enum inventory_lock)m->value);
	return rc < 0 && rc != -EBUSY ? -ENOLCK : rc;
}

/* ---- names in the inventory's folder ---- */

static const char *second(const struct channel_path *p)
{
	size_t at = strlen(p->path) + 1;

	return at < sizeof(p->path) ? p->path + at : "";
}

/* Only a scout's: who has a peer could tell others what he likes. */
static int change(const struct gate_who *who, const struct channel_message *m)
{
	const char *path = m->path.path, *to = second(&m->path);
	char dir[INVENTORY_DIR_MAX];

	if (who->rule)
		return -EACCES;
	if (m->type == CHANNEL_MKDIR) {
		if (!inventory_dir_path(dir, sizeof(dir), NULL) || strcmp(path, dir) != 0)
			return -EACCES;
		return sys_mkdir(path, 0700);
	}
	if (!gate_is_plain(path) || !gate_in_inventory(path, dir, sizeof(dir)))
		return -EACCES;
	if (m->type == CHANNEL_UNLINK)
		return sys_unlink(path);
	if (!gate_is_plain(to) || !gate_in_inventory(to, dir, sizeof(dir)))
		return -EACCES;
	return m->type == CHANNEL_RENAME ? sys_rename(path, to) : sys_link(path, to);
}

static int may_use(const struct gate_who *who, const struct channel_path *p, const char *const *named)
{
	char real[PATH_MAX];
	int rc = -EINVAL;

	if (!(p->flags & ~(R_OK | W_OK | X_OK)))
		rc = judge(who, p->path, CHANNEL_ACCESS, named, real);
	return rc ? rc : sys_access(real, p->flags);
}

/* ---- descriptors that no path leads to ---- */

static int open_uevents(void)
{
	const struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	CLEANUP_CLOSE int fd = sys_socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
	int rc = fd < 0 ? fd : sys_bind(fd, (const struct sockaddr *)&all, sizeof(all));

	return rc ? rc : fd_steal(&fd);
}

static int open_perf(const struct gate_who *who, const struct channel_perf *p, char *why)
{
	struct perf_event_attr plain = { .size = sizeof(plain),
					 .type = p->attr.type,
					 .config = p->attr.config,
					 .config1 = p->attr.config1,
					 .config2 = p->attr.config2 };
	int rc;

	if (memcmp(&plain, &p->attr, sizeof(plain)) != 0 || p->pid != -1 || p->group != -1 || p->cpu < 0 ||
	    p->flags != PERF_FLAG_FD_CLOEXEC)
		return -EACCES;
	rc = gate_judge_counters(who, p->attr.type, why);
	return rc ? rc : sys_perf_open(&plain, -1, p->cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* ---- answering ---- */

static int open_for(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		    char *why)
{
	switch (m->type) {
	case CHANNEL_OPEN:
		return gate_open(who, m->path.path, m->path.flags, m->path.mode, why);
	case CHANNEL_CONNECT:
		return gate_connect(who, m->path.path, m->path.flags, named, why);
	case CHANNEL_LOCK:
		return lock(who, m, named, why);
	case CHANNEL_UEVENTS:
		return open_uevents();
	default:
		return open_perf(who, &m->perf, why);
	}
}

static void look_for(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		     struct channel_message *answer, int *fd)
{
	switch (m->type) {
	case CHANNEL_ACCESS:
		answer->value = may_use(who, &m->path, named);
		return;
	case CHANNEL_UNLINK:
	case CHANNEL_MKDIR:
	case CHANNEL_RENAME:
	case CHANNEL_LINK:
		answer->value = change(who, m);
		return;
	default:
		answer->type = CHANNEL_FOUND;
		memset(&answer->found, 0, sizeof(answer->found));
		answer->value = m->type == CHANNEL_HOLDER ?
					find_holder(who, m->path.path, named, &answer->found) :
					find(who, m, named, &answer->found, fd);
		return;
	}
}

void gate_answer(const struct gate_who *who, const struct channel_message *m, const char *const *named,
		 struct channel_message *answer, int *fd, char *why)
{
	*fd = -1;
	answer->type = CHANNEL_ANSWER;
	answer->id = m->id;
	switch (m->type) {
	case CHANNEL_OPEN:
	case CHANNEL_CONNECT:
	case CHANNEL_LOCK:
	case CHANNEL_UEVENTS:
	case CHANNEL_PERF:
		*fd = open_for(who, m, named, why);
		answer->value = *fd < 0 ? *fd : 0;
		break;
	default:
		look_for(who, m, named, answer, fd);
		break;
	}
}
