/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path is resolved, judged and opened, and then the descriptor's own name is compared: had a link been
 * put on the way in between, it would not match.
 */
#include "daemon/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/emu-dir.h"
#include "base/inventory-lock.h"
#include "daemon/gate-places.h"
#include "dev/vf-token.h"

#define DEPTH_MAX 40 /* parts of a path; those of /sys have 20 */
#define ACCESS_FLAGS (O_ACCMODE | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_EXCL)

/* Absolute, and no part of it is empty, "." or "..": as it stands it says where it leads. */
bool gate_is_plain(const char *path)
{
	if (*path != '/')
		return false;
	while (*path) {
		size_t n = strcspn(++path, "/");

		if (!n || (n <= 2 && !strncmp(path, "..", n)))
			return false;
		path += n;
	}
	return true;
}

/* ---- the places ---- */

bool gate_is_device(const char *real)
{
	return gate_begins(real, "/dev/vfio/") || !strcmp(real, "/dev/iommu") ||
	       gate_begins(real, "/dev/dfl-") || gate_begins(real, "/dev/uio") || !strcmp(real, "/dev/null");
}

/*
 * Files of any PCI function that are no text: registers and ROM, which can be mapped, and the configuration
 * space, of which there is more for root than for others. What a worker wants of it has text of its own, or
 * is read through vfio by who has the function.
 */
static bool is_no_text(const char *real)
{
	const char *name = strrchr(real, '/') + 1;

	return !strcmp(name, "rom") || !strcmp(name, "config") ||
	       (gate_begins(name, "resource") && name[8] >= '0' && name[8] <= '9');
}

/* Attributes of the kernel's FPGA driver: clearing errors, setting a clock, power limits. */
static bool is_fpga_attribute(const char *real)
{
	return gate_begins(real, "/sys/devices/") && strstr(real, "/fpga_region/");
}

/* What a worker reads of a machine: devices and drivers, and nothing else that root may read. */
bool gate_is_readable(const char *real)
{
	return gate_begins(real, "/sys/devices/") || gate_begins(real, "/sys/bus/") ||
	       gate_begins(real, "/sys/class/") || gate_begins(real, "/sys/kernel/iommu_groups/");
}

/* The name of a file in the inventory's folder, which is `dir`; NULL: the path is no such one. */
const char *gate_in_inventory(const char *path, char *dir, size_t room)
{
	size_t len;

	if (!inventory_dir_path(dir, room, NULL) || !emu_dir_trusted(dir))
		return NULL;
	len = strlen(dir);
	if (strncmp(path, dir, len) != 0 || path[len] != '/' || strchr(path + len + 1, '/'))
		return NULL;
	return path + len + 1;
}

static bool is_deep(const char *path)
{
	int parts = 0;

	for (; (path = strchr(path, '/')); path++)
		parts++;
	return parts > DEPTH_MAX;
}

int gate_resolve(const char *path, bool follow, char real[PATH_MAX])
{
	size_t len = follow ? strlen(path) : (size_t)(strrchr(path, '/') - path), n;
	char at[PATH_MAX];
	int rc = 0;

	*real = 0;
	if (len >= sizeof(at) || is_deep(path) || (!gate_is_device(path) && !gate_is_readable(path)))
		return -EACCES;
	memcpy(at, path, len);
	at[len] = 0;
	while (*at && !realpath(at, real)) {
		rc = rc ? rc : -errno;
		*strrchr(at, '/') = 0;
	}
	n = *at ? strlen(real) : 0;
	snprintf(real + n, PATH_MAX - n, "%s", path + strlen(at));
	return rc;
}

/* ---- opening ---- */

static bool is_still(int fd, const char *real)
{
	char link[32], at[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return !sys_readlink(link, at, sizeof(at)) && !strcmp(at, real);
}

/* It must have these bits of the mode. */
static int open_real(const char *real, int flags, mode_t must, mode_t mode)
{
	CLEANUP_CLOSE int fd = sys_open(real, flags | O_NOFOLLOW | O_NOCTTY, mode);
	struct stat st;
	int rc;

	if (fd < 0)
		return fd;
	rc = sys_fstat(fd, &st);
	if (rc)
		return rc;
	if ((st.st_mode & S_IFMT) != (must & S_IFMT) || (must & ~st.st_mode) || !is_still(fd, real))
		return -EACCES;
	return fd_steal(&fd);
}

/*
 * Who has a peer reads what others wrote, sees who has locked what, and gets the token that what he is shown
 * needs; it is made here if need be.
 */
static int judge_inventory(const struct gate_who *who, const char *path, const char *name, int *flags,
			   char *why)
{
	uint8_t token[VF_TOKEN_LEN];
	int rc = -EACCES;

	if (!who->rule)
		return 0;
	if ((*flags & O_ACCMODE) != O_RDONLY || (*flags & O_CREAT))
		return -EACCES;
	if (!strcmp(name, INVENTORY_HOLDERS))
		*flags |= O_CREAT;
	if (!strcmp(name, INVENTORY_HOLDERS) || !strcmp(name, "inventory"))
		return 0;
	if (!strcmp(name, VF_TOKEN_FILE))
		rc = gate_judge_token(who, why);
	return rc ? rc : vf_token_get(path, token);
}

/* Files that v-opae makes there. A pipe in their place must not keep the monitor waiting. */
static int open_inventory(const struct gate_who *who, const char *path, int flags, mode_t mode, char *why)
{
	const char *name = strrchr(path, '/') + 1;
	char folder[PATH_MAX] = "", real[PATH_MAX];
	int rc;

	snprintf(folder, sizeof(folder), "%.*s", (int)(name - 1 - path), path);
	if ((flags & ~(ACCESS_FLAGS | O_CREAT)) || (mode & ~(mode_t)0600) || !realpath(folder, real) ||
	    snprintf(folder, sizeof(folder), "%s/%s", real, name) >= (int)sizeof(folder))
		return -EACCES;
	rc = judge_inventory(who, path, name, &flags, why);
	return rc ? rc : open_real(folder, flags | O_NONBLOCK, S_IFREG, who->rule ? 0600 : mode);
}

/* What it must be, as of open_real(). As root the monitor can read more than who asks could. */
static int judge_open(const struct gate_who *who, const char *real, int flags, mode_t *must, char *why)
{
	int rc = -EACCES;

	*must = S_IFREG;
	if (gate_is_device(real)) {
		*must = S_IFCHR;
		return gate_judge_node(who, real, why);
	}
	if ((flags & O_ACCMODE) == O_RDONLY) {
		rc = gate_judge_sysfs(who, real, why);
		*must |= who->rule ? S_IROTH : 0;
	} else if (is_fpga_attribute(real)) {
		rc = gate_judge_attribute(who, real, why);
	}
	return rc ? rc : is_no_text(real) ? -EACCES : 0;
}

int gate_open(const struct gate_who *who, const char *path, int flags, mode_t mode, char *why)
{
	char dir[INVENTORY_DIR_MAX], real[PATH_MAX];
	int rc, missing;
	mode_t must;

	if (!gate_is_plain(path))
		return -EACCES;
	if (gate_in_inventory(path, dir, sizeof(dir)))
		return open_inventory(who, path, flags, mode, why);
	if (flags & ~ACCESS_FLAGS)
		return -EACCES;
	missing = gate_resolve(path, true, real);
	if (!*real)
		return missing;
	rc = judge_open(who, real, flags, &must, why);
	if (rc || missing)
		return rc ? rc : missing;
	return open_real(real, flags, must, 0);
}

/* ---- sockets ---- */

bool gate_is_socket(const char *path, const char *const *named)
{
	char dir[EMU_DIR_MAX];
	size_t len;

	for (; named && *named; named++)
		if (!strcmp(path, *named))
			return true;
	if (!gate_is_plain(path) || !emu_dir_path(dir, sizeof(dir)) || !emu_dir_trusted(dir))
		return false;
	len = strlen(dir);
	return !strncmp(path, dir, len) && path[len] == '/' && !strchr(path + len + 1, '/');
}

int gate_connect(const struct gate_who *who, const char *path, int flags, const char *const *named,
		 char *why)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int fd = -1;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path) || !gate_is_socket(path, named))
		return -EACCES;
	rc = gate_judge_socket(who, path, why);
	if (rc)
		return rc;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	rc = sys_connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (!rc && !(flags & SOCK_NONBLOCK) && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK))
		rc = -errno;
	return rc ? rc : fd_steal(&fd);
}
