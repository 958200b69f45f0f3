/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/inventory-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/sys.h"

off_t inventory_lock_byte(const char *device, enum inventory_lock which)
{
	return (off_t)(hash_text(HASH_START, device) >> 3 << 1) + (which == INVENTORY_LOOK);
}

static int path_in(const char *dir, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/" INVENTORY_HOLDERS, dir) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int set(int fd, short type, off_t byte)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/*
 * A lock for writing, which excludes all others, needs a descriptor for writing. It is taken by one, made a
 * lock for reading in its place, which one that only reads can have as well, and there it stays.
 */
int inventory_lock_lend(const char *dir, const char *device, enum inventory_lock which)
{
	off_t byte = inventory_lock_byte(device, which);
	CLEANUP_CLOSE int mine = -1;
	CLEANUP_CLOSE int theirs = -1;
	char path[PATH_MAX];
	int rc = path_in(dir, path);

	if (rc)
		return rc;
	mine = sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (mine < 0)
		return mine;
	theirs = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (theirs < 0)
		return theirs;
	rc = set(mine, F_WRLCK, byte);
	if (!rc)
		rc = set(mine, F_RDLCK, byte);
	if (!rc)
		rc = set(theirs, F_RDLCK, byte);
	return rc ? rc : fd_steal(&theirs);
}

int inventory_lock_holder(const char *dir, const char *device, int64_t deadline, char *out, size_t len)
{
	char file[PATH_MAX];
	int rc = path_in(dir, file);

	return rc ? rc :
		    process_with_lock(file, inventory_lock_byte(device, INVENTORY_HOLD), deadline, out, len);
}
