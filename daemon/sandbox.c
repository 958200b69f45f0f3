/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNALS_MAX 4096

/*
 * Where the program is built with a sanitizer, what that needs as well: its report of leaks looks at the
 * threads by /proc. This and the same word in filter.c are all of it.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static void piece(const struct sandbox *s, enum sandbox_piece which, int rc)
{
	if (rc)
		s->missing(which, errno);
}

/* ---- a file system with nothing in it ---- */

/* The folder that is to be seen from now on is mounted on /proc, the current one. */
static int change_root(void)
{
	if (!syscall(SYS_pivot_root, ".", "."))
		return umount2(".", MNT_DETACH);
	/* The first file system of a machine cannot be put away, so it is covered. */
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL))
		return -1;
	return chroot(".");
}

static int add_proc(void)
{
	unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	return mkdir("proc", 0555) ? -1 : mount("proc", "proc", "proc", flags, NULL);
}

static int fill(const struct sandbox *s, unsigned long flags)
{
	if (SANITIZED && add_proc())
		return -1;
	if (s->open_verbs && sandbox_show_verbs())
		return -1;
	return mount(NULL, ".", NULL, MS_REMOUNT | flags, NULL);
}

/* Any folder of the machine will do to mount it on, and /proc is always there. */
static int empty_root(const struct sandbox *s)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
	bool filled = SANITIZED || s->open_verbs;
	/* To fill it takes no privilege over files, which the worker of an ordinary user has not got. */
	const char *how = filled ? "mode=0755,size=64k" : "mode=0555,size=4k,nr_inodes=1";

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", "tmpfs", filled ? flags & ~(unsigned long)MS_RDONLY : flags, how) ||
	    chdir("/proc") || (filled && fill(s, flags)) || change_root())
		return -1;
	return chdir("/");
}

static void enter_namespaces(const struct sandbox *s)
{
	if (!s->open_verbs)
		piece(s, SANDBOX_NET, unshare(CLONE_NEWNET));
	piece(s, SANDBOX_IPC, unshare(CLONE_NEWIPC));
	piece(s, SANDBOX_UTS, unshare(CLONE_NEWUTS));
	piece(s, SANDBOX_CGROUP, unshare(CLONE_NEWCGROUP));
	piece(s, SANDBOX_MOUNT, unshare(CLONE_NEWNS) || empty_root(s) ? -1 : 0);
	if (getpid() != 1) {
		errno = EPERM;
		piece(s, SANDBOX_PID, -1);
	}
}

/* ---- limits ---- */

static int limit(int which, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(which, &r))
		return -1;
	if (r.rlim_max > most)
		r.rlim_max = most;
	if (r.rlim_cur > r.rlim_max || which == RLIMIT_NOFILE)
		r.rlim_cur = r.rlim_max;
	return setrlimit(which, &r);
}

/*
 * Address space is not limited: a device's registers and buffers may take any part of it. What a sanitizer
 * keeps of memory would count as the worker's own.
 */
static int set_limits(const struct sandbox *s)
{
	return limit(RLIMIT_CORE, 0) || limit(RLIMIT_NOFILE, s->files) || limit(RLIMIT_NPROC, s->threads) ||
	       limit(RLIMIT_FSIZE, s->file) ||
	       limit(RLIMIT_DATA, SANITIZED ? RLIM_INFINITY : s->data) ||
	       limit(RLIMIT_MEMLOCK, s->locked) || limit(RLIMIT_MSGQUEUE, 0) ||
	       limit(RLIMIT_RTPRIO, 0) || limit(RLIMIT_NICE, 0) || limit(RLIMIT_SIGPENDING, SIGNALS_MAX);
}

/* ---- privileges ---- */

static int become(const struct sandbox *s)
{
	if (s->uid == (uid_t)-1)
		return 0;
	return setgroups(0, NULL) || setresgid(s->gid, s->gid, s->gid) || setresuid(s->uid, s->uid, s->uid);
}

/* What it may not have although a program that it starts would; it needs a privilege of its own. */
static int drop_bounding_set(void)
{
	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c))
			return errno == EPERM ? 0 : -1; /* there is nothing to lose */
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_capset, &head, none);
}

void sandbox_enter(const struct sandbox *s)
{
	int rc;

	enter_namespaces(s);
	piece(s, SANDBOX_LIMITS, set_limits(s));
	rc = drop_bounding_set();
	piece(s, SANDBOX_USER, become(s));
	piece(s, SANDBOX_CAPABILITIES, rc | drop_capabilities());
	prctl(PR_SET_DUMPABLE, 0);
	if (s->open_verbs)
		s->open_verbs();
	rc = s->filter(s);
	if (rc) {
		errno = -rc;
		piece(s, SANDBOX_FILTER, -1);
	}
}
