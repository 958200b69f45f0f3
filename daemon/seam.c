/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/seam.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/ask.h"
#include "daemon/spawn.h"

/* What the kernel tells of this very process, and of the machine to everybody. */
static struct {
	const char *path;
	int fd;
} own[] = { { "/proc/self/maps", -1 },
	    { "/proc/meminfo", -1 },
	    { "/proc/net/unix", -1 }, /* which cards are listening */
	    { "/proc/sys/kernel/random/boot_id", -1 } };
#define NUM_OWN (sizeof(own) / sizeof(own[0]))

static uid_t monitor;

void seam_prepare(void)
{
	monitor = geteuid();
	for (size_t i = 0; i < NUM_OWN; i++)
		own[i].fd = sys_kernel.open(own[i].path, O_RDONLY, 0);
	fcntl(WORKER_PEER, F_SETFL, O_NONBLOCK);
	sys_set(seam_of_peer());
}

static struct {
	const char *path;
	int fd;
} files[SEAM_FILES];

void seam_file(int i, const char *path, int fd)
{
	files[i].path = *path ? path : NULL;
	files[i].fd = fd;
}

static int64_t ask_of(enum channel_type type, const char *path, const char *to, struct channel_message *m,
		      struct channel_found *found, int *fd)
{
	size_t len = strlen(path) + 1, more = to ? strlen(to) + 1 : 0;

	if (len + more > sizeof(m->path.path))
		return -ENAMETOOLONG;
	m->type = type;
	memcpy(m->path.path, path, len);
	memcpy(m->path.path + len, to ? to : "", more);
	return ask_patiently(m, found, fd);
}

/* ---- opening ---- */

static int again(int fd, int flags)
{
	int copy;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, WORKER_FDS);
	return copy < 0 ? -errno : copy;
}

static int worker_open(const char *path, int flags, mode_t mode)
{
	for (int i = 0; i < SEAM_FILES; i++)
		if (files[i].path && !strcmp(files[i].path, path))
			return again(files[i].fd, flags);
	for (size_t i = 0; i < NUM_OWN; i++)
		if (!strcmp(path, own[i].path))
			return again(own[i].fd, flags);
	return ask_open(path, flags, mode);
}

static int ask_descriptor(struct channel_message *m)
{
	int fd = -1;
	int64_t value = ask_monitor(m, NULL, &fd);

	return value ? (int)value : fd < 0 ? -EIO : fd;
}

static int worker_perf_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags)
{
	struct channel_message m = { .type = CHANNEL_PERF };

	m.perf = (struct channel_perf){
		.attr = *attr, .pid = pid, .cpu = cpu, .group = group, .flags = flags
	};
	return ask_descriptor(&m);
}

/* ---- sockets ---- */

/*
 * It makes no socket: the kernel's messages of devices come by the monitor's, and something that keeps the
 * number is there until worker_connect() puts the monitor's socket in its place.
 */
static int worker_socket(int domain, int type, int protocol)
{
	struct channel_message uevents = { .type = CHANNEL_UEVENTS };

	if (domain == AF_NETLINK && protocol == NETLINK_KOBJECT_UEVENT)
		return ask_descriptor(&uevents);
	if (domain != AF_UNIX)
		return -EAFNOSUPPORT;
	return sys_kernel.eventfd(0, type & SOCK_NONBLOCK ? EFD_NONBLOCK : 0);
}

static int worker_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)len;
	return addr->sa_family == AF_NETLINK ? 0 : -EACCES; /* the monitor has done it */
}

/* The monitor's socket takes the place of the caller's. */
static int worker_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_un *un = (const void *)addr;
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	char path[sizeof(un->sun_path) + 1] = "";
	int got, rc;

	if (addr->sa_family != AF_UNIX || len <= before || len > sizeof(*un) || !un->sun_path[0])
		return -EACCES;
	memcpy(path, un->sun_path, len - before);
	got = ask_connect(path, fcntl(fd, F_GETFL) & O_NONBLOCK ? SOCK_NONBLOCK : 0);
	if (got < 0)
		return got;
	rc = sys_kernel.dup_over(got, fd);
	sys_kernel.close(got);
	return rc < 0 ? rc : 0;
}

/* ---- looking ---- */

/* What is the monitor's is this process's as well: the monitor opens it for it. */
static int as_ours(int rc, struct stat *st)
{
	if (!rc && st->st_uid == monitor)
		st->st_uid = geteuid();
	return rc;
}

/* By its own call: that of the C library may be one that can name a file, which the sandbox has not. */
static int worker_fstat(int fd, struct stat *st)
{
	return as_ours(syscall(SYS_fstat, fd, st) ? -errno : 0, st);
}

static int look(enum channel_type type, const char *path, struct stat *st)
{
	struct channel_message m = { .value = 0 };
	struct channel_found found;
	int rc = (int)ask_of(type, path, NULL, &m, &found, NULL);

	if (!rc)
		*st = found.st;
	return as_ours(rc, st);
}

static int worker_stat(const char *path, struct stat *st)
{
	return look(CHANNEL_STAT, path, st);
}

static int worker_lstat(const char *path, struct stat *st)
{
	return look(CHANNEL_LSTAT, path, st);
}

static int worker_readlink(const char *path, char *out, size_t len)
{
	struct channel_message m = { .value = 0 };
	struct channel_found found;
	int rc = (int)ask_of(CHANNEL_READLINK, path, NULL, &m, &found, NULL);

	if (rc)
		return rc;
	if (found.len > len)
		return -ENAMETOOLONG;
	memcpy(out, found.text, found.len);
	return 0;
}

static int worker_list(const char *dir, char **ret)
{
	struct channel_message m = { .value = 0 };
	struct channel_found found;
	int fd = -1, rc = (int)ask_of(CHANNEL_LIST, dir, NULL, &m, &found, &fd);

	if (rc)
		return rc;
	*ret = malloc(found.len);
	if (!*ret)
		rc = -ENOMEM;
	else if (fd < 0)
		memcpy(*ret, found.text, found.len);
	else if (sys_kernel.pread(fd, *ret, found.len, 0) != (ssize_t)found.len)
		rc = -EIO;
	if (fd >= 0)
		sys_kernel.close(fd);
	if (rc)
		free(*ret);
	return rc;
}

static int worker_access(const char *path, int mode)
{
	struct channel_message m = { .value = 0 };

	m.path.flags = mode;
	return (int)ask_of(CHANNEL_ACCESS, path, NULL, &m, NULL, NULL);
}

/* The monitor knows where the inventory is, and how much time it has. */
static int worker_device_holder(const char *dir, const char *device, int64_t deadline, char *out, size_t len)
{
	struct channel_message m = { .value = 0 };
	struct channel_found found;
	int rc = (int)ask_of(CHANNEL_HOLDER, device, NULL, &m, &found, NULL);

	(void)dir;
	(void)deadline;
	if (!rc && found.len > len)
		rc = -ENAMETOOLONG;
	if (!rc)
		memcpy(out, found.text, found.len);
	return rc;
}

/* ---- names of files ---- */

static int worker_unlink(const char *path)
{
	struct channel_message m = { .value = 0 };

	return (int)ask_of(CHANNEL_UNLINK, path, NULL, &m, NULL, NULL);
}

static int worker_mkdir(const char *path, mode_t mode)
{
	struct channel_message m = { .value = 0 };

	(void)mode; /* the monitor makes it for its user alone */
	return (int)ask_of(CHANNEL_MKDIR, path, NULL, &m, NULL, NULL);
}

static int worker_rename(const char *from, const char *to)
{
	struct channel_message m = { .value = 0 };

	return (int)ask_of(CHANNEL_RENAME, from, to, &m, NULL, NULL);
}

static int worker_link(const char *from, const char *to)
{
	struct channel_message m = { .value = 0 };

	return (int)ask_of(CHANNEL_LINK, from, to, &m, NULL, NULL);
}

static int (*unmapper)(void *at, size_t len);

void seam_unmap_by(int (*unmap)(void *at, size_t len))
{
	unmapper = unmap;
}

static int worker_munmap(void *at, size_t len)
{
	return unmapper ? unmapper(at, len) : sys_kernel.munmap(at, len);
}

const struct sys_ops *seam_of_worker(void)
{
	static struct sys_ops ops;

	if (!ops.size) {
		ops = sys_kernel;
		ops.open = worker_open;
		ops.munmap = worker_munmap;
		ops.perf_open = worker_perf_open;
		ops.socket = worker_socket;
		ops.bind = worker_bind;
		ops.connect = worker_connect;
		ops.fstat = worker_fstat;
		ops.stat = worker_stat;
		ops.lstat = worker_lstat;
		ops.readlink = worker_readlink;
		ops.list = worker_list;
		ops.access = worker_access;
		ops.device_holder = worker_device_holder;
		ops.unlink = worker_unlink;
		ops.mkdir = worker_mkdir;
		ops.rename = worker_rename;
		ops.link = worker_link;
	}
	return &ops;
}

/* ---- of who has a peer: he changes nothing that others read ---- */

static int guest_unlink(const char *path)
{
	(void)path;
	return -EPERM;
}

static int guest_mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	return -EPERM;
}

static int guest_two_names(const char *from, const char *to)
{
	(void)from;
	(void)to;
	return -EPERM;
}

const struct sys_ops *seam_of_guest(void)
{
	static struct sys_ops ops;

	if (!ops.size) {
		ops = *seam_of_worker();
		ops.unlink = guest_unlink;
		ops.mkdir = guest_mkdir;
		ops.rename = guest_two_names;
		ops.link = guest_two_names;
		ops.lock_device = ask_lock;
	}
	return &ops;
}

/* ---- of the program itself, which has a peer ---- */

/*
 * The sandbox leaves only calls for the peer's socket by which no descriptor can pass. Those for several
 * pieces have no flags: so it does not block, and SIGPIPE is ignored. One piece goes by send and recv anyhow.
 */
static bool is_for_bytes(int fd, const struct msghdr *msg)
{
	return fd == WORKER_PEER && msg->msg_iovlen != 1;
}

static ssize_t peer_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t n;

	if (!is_for_bytes(fd, msg))
		return sys_kernel.sendmsg(fd, msg, flags);
	n = writev(fd, msg->msg_iov, (int)msg->msg_iovlen);
	return n < 0 ? -errno : n;
}

static ssize_t peer_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (!is_for_bytes(fd, msg))
		return sys_kernel.recvmsg(fd, msg, flags);
	msg->msg_flags = 0;
	n = readv(fd, msg->msg_iov, (int)msg->msg_iovlen);
	return n < 0 ? -errno : n;
}

const struct sys_ops *seam_of_peer(void)
{
	static struct sys_ops ops;

	if (!ops.size) {
		ops = sys_kernel;
		ops.sendmsg = peer_sendmsg;
		ops.recvmsg = peer_recvmsg;
	}
	return &ops;
}
