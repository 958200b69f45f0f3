/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/sandbox-start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/sandbox.h"

#define WORKER_SCORE 500 /* on top of the monitor's own */
#define SCORE_MAX 1000
#define IOMMUFD "/dev/iommu"

static unsigned long flags; /* of clone(2): the namespaces that a worker is born in */
static int lacking;	    /* why there are none; a negative errno */
static uint32_t told;	    /* bits of enum sandbox_piece */

/* ---- starting ---- */

static int write_file(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_WRONLY, 0);

	if (fd < 0)
		return fd;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0; /* these have no offsets */
}

/* In the new user namespace it is who it was, and the numbers of all others mean nobody. */
static int keep_identity(uid_t uid, gid_t gid)
{
	char users[32], groups[32];
	int rc;

	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	rc = write_file("/proc/self/setgroups", "deny");
	if (!rc)
		rc = write_file("/proc/self/uid_map", users);
	return rc ? rc : write_file("/proc/self/gid_map", groups);
}

/* exec takes a user's capabilities unless they are ambient. */
static int keep_capabilities(void)
{
	static const unsigned int kept[] = { CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SETPCAP };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, caps))
		return -errno;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		caps[0].inheritable |= 1u << kept[i];
	if (syscall(SYS_capset, &head, caps))
		return -errno;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0))
			return -errno;
	return 0;
}

/* When memory runs out, a worker is what the kernel ends, and not the monitor of them all. */
static void go_first(void)
{
	static const char path[] = "/proc/self/oom_score_adj";
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY, 0);
	char text[24] = "";
	long score;

	if (fd < 0 || sys_read(fd, text, sizeof(text) - 1) <= 0)
		return;
	score = strtol(text, NULL, 10) + WORKER_SCORE;
	snprintf(text, sizeof(text), "%ld", score < SCORE_MAX ? score : SCORE_MAX);
	write_file(path, text); /* who may not is no worse off than before */
}

/* Buffers are pinned, which counts as locked memory; a worker leaves of it what a session may have. */
static void keep_locked_memory(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(RLIMIT_MEMLOCK, &r) || getrlimit(RLIMIT_MEMLOCK, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &r);
}

/* The user before: in a namespace without a map nobody is told who he is. */
static uid_t who;
static gid_t whose;

int sandbox_keep(void)
{
	int rc = 0;

	go_first();
	keep_locked_memory();
	if (flags & CLONE_NEWUSER)
		rc = keep_identity(who, whose);
	if (!rc && (flags & CLONE_NEWUSER))
		rc = keep_capabilities();
	return rc;
}

/* Root may lock what it likes, but its workers are not root. */
static void tell_of_locked_memory(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit r;

	if (geteuid() || getrlimit(RLIMIT_MEMLOCK, &r) || r.rlim_max == RLIM_INFINITY ||
	    !setrlimit(RLIMIT_MEMLOCK, &all))
		return;
	log_line("the buffers of a worker may have %llu bytes in all where a device reads them itself: more "
		 "memory it may not lock, nor may opaed let it; start opaed with a higher limit (ulimit -l, "
		 "LimitMEMLOCK=)", (unsigned long long)r.rlim_max);
}

static const char *what_lacks(void)
{
	return geteuid() ? "a user namespace" : "a pid namespace";
}

/* Not before there is a worker that it is true of. */
static void tell_once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	tell_of_locked_memory();
	if (lacking)
		log_warning("workers are in no namespaces of their own: %s cannot be made (%s); see \"The "
			    "sandbox\" in docs/daemon.md", what_lacks(), strerror(-lacking));
}

static pid_t clone_now(void)
{
	pid_t pid;

	who = geteuid();
	whose = getegid();
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	return pid < 0 ? -errno : pid;
}

pid_t sandbox_fork(void)
{
	tell_once();
	return clone_now();
}

/* ---- finding out ---- */

static int try(unsigned long these)
{
	int status, rc;
	pid_t pid;

	flags = these;
	pid = clone_now();
	if (!pid)
		_exit(-sandbox_keep());
	if (pid < 0)
		return pid;
	do
		rc = waitpid(pid, &status, 0) < 0 ? -errno : 0;
	while (rc == -EINTR);
	return rc ? rc : WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

void sandbox_probe(void)
{
	/* Root has other users to become, which a user namespace of its own would hide. */
	lacking = try(geteuid() ? CLONE_NEWPID | CLONE_NEWUSER : CLONE_NEWPID);
	if (lacking)
		flags = 0;
}

int sandbox_check(bool required)
{
	if (!required || !lacking)
		return 0;
	log_error("\"sandbox\" is \"required\" and cannot be had: %s cannot be made (%s); see \"The "
		  "sandbox\" in docs/daemon.md, or say \"available\"", what_lacks(), strerror(-lacking));
	return lacking;
}

uint32_t sandbox_uid(uid_t configured)
{
	return geteuid() ? UINT32_MAX : configured;
}

/*
 * A buffer may be pinned for two accelerators. A container of vfio and the FPGA driver count what a process
 * has pinned against its limit; an iommufd counts what all processes of the user have.
 */
uint64_t sandbox_locked(const struct config_limits *l)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(l->buffer_bytes, 2 * (access(IOMMUFD, F_OK) ? 1 : l->connections), &bytes))
		return UINT64_MAX;
	return bytes;
}

/* ---- what workers tell ---- */

void sandbox_told(uint32_t session, int64_t piece, uint32_t error)
{
	if (piece <= 0 || piece >= SANDBOX_PIECES || (told & (1u << piece)))
		return;
	told |= 1u << piece;
	log_warning("session %u: its worker's sandbox lacks %s: %s; so it will be for others, which is not "
		    "logged again", session, sandbox_name((enum sandbox_piece)piece),
		    strerror((int)(error & 0xfff)));
}
