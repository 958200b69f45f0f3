/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's side of the syscall seam. The table in force is read without a lock: it is set
 * while nothing else runs (plugin configuration, worker start, a test's set-up).
 */
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/inventory-lock.h"

#define RESULT(call)                                                                               \
	do {                                                                                       \
		__typeof__(call) rc_ = (call);                                                     \
		return rc_ < 0 ? -errno : rc_;                                                     \
	} while (0)

/*
 * 0 to 2 are the program's, even where it has closed them: what it prints must not end up in a file of
 * ours. Closes a descriptor that cannot be lifted.
 */
static int lifted(int fd)
{
	int high, rc = 0;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		rc = -errno;
	close(fd);
	return rc ? rc : high;
}

static int kernel_open(const char *path, int flags, mode_t mode)
{
	return lifted(open(path, flags | O_CLOEXEC, mode));
}

static int kernel_close(int fd)
{
	RESULT(close(fd));
}

static int kernel_ioctl(int fd, unsigned long request, void *arg)
{
	RESULT(ioctl(fd, request, arg));
}

static int kernel_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out)
{
	void *at = mmap(hint, len, prot, flags, fd, off);

	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}

static int kernel_munmap(void *addr, size_t len)
{
	RESULT(munmap(addr, len));
}

static ssize_t kernel_pread(int fd, void *buf, size_t len, off_t off)
{
	RESULT(pread(fd, buf, len, off));
}

static ssize_t kernel_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	RESULT(pwrite(fd, buf, len, off));
}

static int kernel_fstat(int fd, struct stat *st)
{
	RESULT(fstat(fd, st));
}

static int kernel_ftruncate(int fd, off_t len)
{
	RESULT(ftruncate(fd, len));
}

static int kernel_memfd(const char *name, unsigned int flags)
{
	return lifted(memfd_create(name, flags | MFD_CLOEXEC));
}

static int kernel_eventfd(unsigned int initial, int flags)
{
	return lifted(eventfd(initial, flags | EFD_CLOEXEC));
}

static int kernel_socket(int domain, int type, int protocol)
{
	return lifted(socket(domain, type | SOCK_CLOEXEC, protocol));
}

static int kernel_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	RESULT(bind(fd, addr, len));
}

static int kernel_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	RESULT(connect(fd, addr, len));
}

/* One piece and nothing beside it: the kernel has a shorter way for that. */
static bool is_plain(const struct msghdr *msg)
{
	return msg->msg_iovlen == 1 && !msg->msg_controllen && !msg->msg_name;
}

static ssize_t kernel_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (is_plain(msg))
		RESULT(send(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
			    flags | MSG_NOSIGNAL));
	RESULT(sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

/* One that cannot be lifted stays: whoever receives it counts on it. */
static void lift_received(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned char *at = CMSG_DATA(c), *end = (unsigned char *)c + c->cmsg_len;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (int fd, high; (size_t)(end - at) >= sizeof(fd); at += sizeof(fd)) {
			memcpy(&fd, at, sizeof(fd));
			if (fd > STDERR_FILENO)
				continue;
			high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
			if (high < 0)
				continue;
			close(fd);
			memcpy(at, &high, sizeof(high));
		}
	}
}

static ssize_t kernel_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (is_plain(msg)) {
		msg->msg_flags = 0;
		RESULT(recv(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len, flags));
	}
	n = recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	lift_received(msg);
	return n;
}

static int kernel_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	RESULT(poll(fds, n, timeout_ms));
}

static int kernel_mremap_to(void *from, size_t len, void *to)
{
	return mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -errno : 0;
}

static int kernel_readlink(const char *path, char *out, size_t len)
{
	ssize_t n = readlink(path, out, len);

	if (n < 0)
		return -errno;
	if ((size_t)n >= len)
		return -ENAMETOOLONG;
	out[n] = 0;
	return 0;
}

static int kernel_lstat(const char *path, struct stat *st)
{
	RESULT(lstat(path, st));
}

static int append_name(char **text, size_t *used, size_t *room, const char *name)
{
	size_t len = strlen(name) + 1;
	char *grown = *text;

	if (*used + len + 1 > *room) {
		*room = (*room + len) * 2 + 256;
		grown = realloc(*text, *room);
		if (!grown)
			return -ENOMEM;
		*text = grown;
	}
	memcpy(grown + *used, name, len);
	*used += len;
	grown[*used] = 0;
	return 0;
}

static int kernel_list(const char *path, char **ret)
{
	size_t used = 0, room = 256;
	char *text = calloc(1, room);
	DIR *dir = text ? opendir(path) : NULL;
	const struct dirent *e;
	int rc = dir ? 0 : text ? -errno : -ENOMEM;

	while (!rc && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			rc = append_name(&text, &used, &room, e->d_name);
	if (dir)
		closedir(dir);
	if (rc)
		free(text);
	else
		*ret = text;
	return rc;
}

static int kernel_dup_over(int from, int fd)
{
	RESULT(dup3(from, fd, O_CLOEXEC));
}

static int kernel_access(const char *path, int mode)
{
	RESULT(faccessat(AT_FDCWD, path, mode, AT_EACCESS));
}

static ssize_t kernel_read(int fd, void *buf, size_t len)
{
	RESULT(read(fd, buf, len));
}

static int kernel_perf_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags)
{
	return lifted((int)syscall(SYS_perf_event_open, attr, pid, cpu, group, flags));
}

static int kernel_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	RESULT(setsockopt(fd, level, name, value, len));
}

static int kernel_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	RESULT(getsockopt(fd, level, name, value, len));
}

static int kernel_shutdown(int fd, int how)
{
	RESULT(shutdown(fd, how));
}

static int kernel_listen(int fd, int backlog)
{
	RESULT(listen(fd, backlog));
}

static int kernel_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return lifted(accept4(fd, addr, len, SOCK_CLOEXEC));
}

static int kernel_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	RESULT(getsockname(fd, addr, len));
}

static int kernel_fchmod(int fd, mode_t mode)
{
	RESULT(fchmod(fd, mode));
}

static int kernel_unlink(const char *path)
{
	RESULT(unlink(path));
}

static int kernel_timerfd(clockid_t clock, int flags)
{
	return lifted(timerfd_create(clock, flags | TFD_CLOEXEC));
}

static int kernel_madvise(void *addr, size_t len, int advice)
{
	RESULT(madvise(addr, len, advice));
}

static int kernel_stat(const char *path, struct stat *st)
{
	RESULT(stat(path, st));
}

static int kernel_mkdir(const char *path, mode_t mode)
{
	RESULT(mkdir(path, mode));
}

static int kernel_rename(const char *from, const char *to)
{
	RESULT(rename(from, to));
}

static int kernel_link(const char *from, const char *to)
{
	RESULT(link(from, to));
}

const struct sys_ops sys_kernel = {
	.size = sizeof(struct sys_ops),
	.open = kernel_open,
	.close = kernel_close,
	.ioctl = kernel_ioctl,
	.mmap = kernel_mmap,
	.munmap = kernel_munmap,
	.pread = kernel_pread,
	.pwrite = kernel_pwrite,
	.fstat = kernel_fstat,
	.ftruncate = kernel_ftruncate,
	.memfd = kernel_memfd,
	.eventfd = kernel_eventfd,
	.socket = kernel_socket,
	.connect = kernel_connect,
	.sendmsg = kernel_sendmsg,
	.recvmsg = kernel_recvmsg,
	.poll = kernel_poll,
	.mremap_to = kernel_mremap_to,
	.readlink = kernel_readlink,
	.lstat = kernel_lstat,
	.list = kernel_list,
	.dup_over = kernel_dup_over,
	.access = kernel_access,
	.bind = kernel_bind,
	.read = kernel_read,
	.perf_open = kernel_perf_open,
	.setsockopt = kernel_setsockopt,
	.getsockopt = kernel_getsockopt,
	.shutdown = kernel_shutdown,
	.listen = kernel_listen,
	.accept = kernel_accept,
	.getsockname = kernel_getsockname,
	.fchmod = kernel_fchmod,
	.unlink = kernel_unlink,
	.madvise = kernel_madvise,
	.timerfd = kernel_timerfd,
	.stat = kernel_stat,
	.mkdir = kernel_mkdir,
	.rename = kernel_rename,
	.link = kernel_link,
	.device_holder = inventory_lock_holder,
};

/* A thread of an earlier life of a plugin may be reading it while it is set. */
static const struct sys_ops *_Atomic in_force = &sys_kernel;

void sys_set(const struct sys_ops *ops)
{
	in_force = ops ? ops : &sys_kernel;
}

int sys_open(const char *path, int flags, mode_t mode)
{
	return in_force->open(path, flags, mode);
}

int sys_close(int fd)
{
	return in_force->close(fd);
}

int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return in_force->ioctl(fd, request, arg);
}

int sys_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out)
{
	return in_force->mmap(hint, len, prot, flags, fd, off, out);
}

int sys_munmap(void *addr, size_t len)
{
	return in_force->munmap(addr, len);
}

ssize_t sys_pread(int fd, void *buf, size_t len, off_t off)
{
	return in_force->pread(fd, buf, len, off);
}

ssize_t sys_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return in_force->pwrite(fd, buf, len, off);
}

int sys_fstat(int fd, struct stat *st)
{
	return in_force->fstat(fd, st);
}

int sys_ftruncate(int fd, off_t len)
{
	return in_force->ftruncate(fd, len);
}

int sys_memfd(const char *name, unsigned int flags)
{
	return in_force->memfd(name, flags);
}

int sys_eventfd(unsigned int initial, int flags)
{
	return in_force->eventfd(initial, flags);
}

int sys_socket(int domain, int type, int protocol)
{
	return in_force->socket(domain, type, protocol);
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return in_force->connect(fd, addr, len);
}

ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return in_force->sendmsg(fd, msg, flags);
}

ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return in_force->recvmsg(fd, msg, flags);
}

int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return in_force->poll(fds, n, timeout_ms);
}

int sys_mremap_to(void *from, size_t len, void *to)
{
	return in_force->mremap_to(from, len, to);
}

int sys_readlink(const char *path, char *out, size_t len)
{
	return in_force->readlink(path, out, len);
}

int sys_lstat(const char *path, struct stat *st)
{
	return in_force->lstat(path, st);
}

int sys_list(const char *dir, char **ret)
{
	return in_force->list(dir, ret);
}

int sys_dup_over(int from, int fd)
{
	return in_force->dup_over(from, fd);
}

int sys_access(const char *path, int mode)
{
	return in_force->access(path, mode);
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return in_force->bind(fd, addr, len);
}

ssize_t sys_read(int fd, void *buf, size_t len)
{
	return in_force->read(fd, buf, len);
}

int sys_perf_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags)
{
	return in_force->perf_open(attr, pid, cpu, group, flags);
}

int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return in_force->setsockopt(fd, level, name, value, len);
}

int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return in_force->getsockopt(fd, level, name, value, len);
}

int sys_shutdown(int fd, int how)
{
	return in_force->shutdown(fd, how);
}

int sys_listen(int fd, int backlog)
{
	return in_force->listen(fd, backlog);
}

int sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return in_force->accept(fd, addr, len);
}

int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return in_force->getsockname(fd, addr, len);
}

int sys_fchmod(int fd, mode_t mode)
{
	return in_force->fchmod(fd, mode);
}

int sys_unlink(const char *path)
{
	return in_force->unlink(path);
}

int sys_madvise(void *addr, size_t len, int advice)
{
	return in_force->madvise(addr, len, advice);
}

int sys_timerfd(clockid_t clock, int flags)
{
	return in_force->timerfd(clock, flags);
}

int sys_stat(const char *path, struct stat *st)
{
	return in_force->stat(path, st);
}

int sys_mkdir(const char *path, mode_t mode)
{
	return in_force->mkdir(path, mode);
}

int sys_rename(const char *from, const char *to)
{
	return in_force->rename(from, to);
}

int sys_link(const char *from, const char *to)
{
	return in_force->link(from, to);
}

int sys_device_holder(const char *dir, const char *device, int64_t deadline, char *out, size_t len)
{
	return in_force->device_holder(dir, device, deadline, out, len);
}

bool sys_is_guest(void)
{
	return in_force->lock_device;
}

int sys_lock_device(const char *device, int which)
{
	return in_force->lock_device(device, which);
}
