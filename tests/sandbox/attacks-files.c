/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks by paths: opening, looking, making, mounting. All by the system call itself, past the C library. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/sandbox/attacker.h"

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

static long open_it(const char *path)
{
	return result(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0));
}

static long open_old(const char *path)
{
#ifdef SYS_open
	return result(syscall(SYS_open, path, O_RDONLY | O_NONBLOCK, 0));
#else
	return open_it(path);
#endif
}

static long open2(const char *path)
{
	struct open_how how = { .flags = O_RDONLY };

	return result(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
}

static long open_for_writing(const char *path)
{
	return result(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0666));
}

/* A descriptor that it was given and that leads on. */
static long open_from_descriptor(const char *path)
{
	for (int fd = 0; fd < 64; fd++) {
		long rc = result(syscall(SYS_openat, fd, *path == '/' ? path + 1 : path, O_RDONLY, 0));

		if (rc >= 0)
			return rc;
	}
	return -ENOENT;
}

static long stat_it(const char *path)
{
	struct stat st;

	return result(syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0));
}

/* The form of it that the C library needs for fstat(). */
static long stat_as_fstat(const char *path)
{
	struct stat st;

	return result(syscall(SYS_newfstatat, AT_FDCWD, path, &st, AT_EMPTY_PATH));
}

static long readlink_it(const char *path)
{
	char to[256];

	return result(syscall(SYS_readlinkat, AT_FDCWD, path, to, sizeof(to)));
}

static long access_it(const char *path)
{
	return result(syscall(SYS_faccessat, AT_FDCWD, path, F_OK));
}

static long getdents(const char *path)
{
	char names[1024];
	long fd = open_it(path);

	return fd < 0 ? fd : result(syscall(SYS_getdents64, fd, names, sizeof(names)));
}

static long mkdir_it(const char *path)
{
	return result(syscall(SYS_mkdirat, AT_FDCWD, path, 0777));
}

static long unlink_it(const char *path)
{
	return result(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

static long rename_it(const char *path)
{
	return result(syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "/tmp/opae-attacked", 0));
}

static long symlink_it(const char *path)
{
	return result(syscall(SYS_symlinkat, "/etc/shadow", AT_FDCWD, path));
}

static long chmod_it(const char *path)
{
	return result(syscall(SYS_fchmodat, AT_FDCWD, path, 0777));
}

static long mknod_it(const char *path)
{
	return result(syscall(SYS_mknodat, AT_FDCWD, path, S_IFCHR | 0666, makedev(1, 3)));
}

static long mount_it(const char *path)
{
	return result(syscall(SYS_mount, "none", *path ? path : "/", "tmpfs", 0, NULL));
}

static long new_mount(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_fsopen, "tmpfs", 0));
}

static long umount_it(const char *path)
{
	return result(syscall(SYS_umount2, *path ? path : "/", MNT_DETACH));
}

static long chroot_it(const char *path)
{
	return result(syscall(SYS_chroot, *path ? path : "/"));
}

static long chdir_it(const char *path)
{
	return result(syscall(SYS_chdir, path));
}

static long unshare_user(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_unshare, CLONE_NEWUSER));
}

static long setns_it(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_setns, 0, 0));
}

static long by_handle(const char *arg)
{
	struct {
		struct file_handle head;
		unsigned char rest[8];
	} h = { .head = { .handle_bytes = 8, .handle_type = 1 }, .rest = { 2 } };

	(void)arg;
	return result(syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY));
}

static long inotify(const char *path)
{
	long fd = result(syscall(SYS_inotify_init1, 0));

	return fd < 0 ? fd : result(syscall(SYS_inotify_add_watch, fd, path, 0xfff));
}

const struct attack attacks_on_files[] = {
	{ "open", open_it },
	{ "open-old", open_old },
	{ "open2", open2 },
	{ "open-for-writing", open_for_writing },
	{ "open-from-descriptor", open_from_descriptor },
	{ "stat", stat_it },
	{ "stat-as-fstat", stat_as_fstat },
	{ "readlink", readlink_it },
	{ "access", access_it },
	{ "getdents", getdents },
	{ "mkdir", mkdir_it },
	{ "unlink", unlink_it },
	{ "rename", rename_it },
	{ "symlink", symlink_it },
	{ "chmod", chmod_it },
	{ "mknod", mknod_it },
	{ "mount", mount_it },
	{ "new-mount", new_mount },
	{ "umount", umount_it },
	{ "chroot", chroot_it },
	{ "chdir", chdir_it },
	{ "unshare-user", unshare_user },
	{ "setns", setns_it },
	{ "open-by-handle", by_handle },
	{ "inotify", inotify },
	{ NULL, NULL },
};
