/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/seam.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Thread_local bool armed; /* only the thread under test fails; a server beside it does not */
static atomic_bool all_armed, failed;
static atomic_int until_failure;
static int failure;
static const struct sys_ops *under = &sys_kernel;

static bool fails(void)
{
	if ((!armed && !atomic_load(&all_armed)) || atomic_fetch_sub(&until_failure, 1) != 1)
		return false;
	atomic_store(&failed, true);
	return true;
}

#define FAILING(name, result, params, args)                                                        \
	static result failing_##name params                                                        \
	{                                                                                          \
		return fails() ? -failure : under->name args;                                  \
	}

FAILING(open, int, (const char *p, int f, mode_t m), (p, f, m))
FAILING(mmap, int, (void *h, size_t l, int p, int f, int fd, off_t o, void **out),
	(h, l, p, f, fd, o, out))
FAILING(pread, ssize_t, (int fd, void *b, size_t l, off_t o), (fd, b, l, o))
FAILING(pwrite, ssize_t, (int fd, const void *b, size_t l, off_t o), (fd, b, l, o))
FAILING(fstat, int, (int fd, struct stat *st), (fd, st))
FAILING(ftruncate, int, (int fd, off_t l), (fd, l))
FAILING(memfd, int, (const char *n, unsigned int f), (n, f))
FAILING(eventfd, int, (unsigned int i, int f), (i, f))
FAILING(timerfd, int, (clockid_t c, int f), (c, f))
FAILING(socket, int, (int d, int t, int p), (d, t, p))
FAILING(connect, int, (int fd, const struct sockaddr *a, socklen_t l), (fd, a, l))
FAILING(bind, int, (int fd, const struct sockaddr *a, socklen_t l), (fd, a, l))
FAILING(sendmsg, ssize_t, (int fd, const struct msghdr *m, int f), (fd, m, f))
FAILING(recvmsg, ssize_t, (int fd, struct msghdr *m, int f), (fd, m, f))
FAILING(poll, int, (struct pollfd *p, nfds_t n, int t), (p, n, t))
FAILING(ioctl, int, (int fd, unsigned long r, void *a), (fd, r, a))
FAILING(readlink, int, (const char *p, char *o, size_t l), (p, o, l))
FAILING(lstat, int, (const char *p, struct stat *st), (p, st))
FAILING(list, int, (const char *d, char **r), (d, r))
FAILING(access, int, (const char *p, int m), (p, m))
FAILING(dup_over, int, (int from, int fd), (from, fd))
FAILING(read, ssize_t, (int fd, void *b, size_t l), (fd, b, l))
FAILING(perf_open, int, (struct perf_event_attr *a, pid_t p, int c, int g, unsigned long f), (a, p, c, g, f))
FAILING(setsockopt, int, (int fd, int l, int n, const void *v, socklen_t s), (fd, l, n, v, s))
FAILING(getsockopt, int, (int fd, int l, int n, void *v, socklen_t *s), (fd, l, n, v, s))
FAILING(listen, int, (int fd, int b), (fd, b))
FAILING(accept, int, (int fd, struct sockaddr *a, socklen_t *l), (fd, a, l))
FAILING(getsockname, int, (int fd, struct sockaddr *a, socklen_t *l), (fd, a, l))
FAILING(fchmod, int, (int fd, mode_t m), (fd, m))
FAILING(unlink, int, (const char *p), (p))
FAILING(madvise, int, (void *at, size_t l, int a), (at, l, a))
FAILING(stat, int, (const char *p, struct stat *st), (p, st))
FAILING(mkdir, int, (const char *p, mode_t m), (p, m))
FAILING(rename, int, (const char *f, const char *t), (f, t))
FAILING(link, int, (const char *f, const char *t), (f, t))
FAILING(mremap_to, int, (void *from, size_t l, void *to), (from, l, to))

void seam_over(const struct sys_ops *ops)
{
	under = ops ? ops : &sys_kernel;
}

const struct sys_ops *seam_table(void)
{
	static struct sys_ops ops;

	ops = *under;
	ops.open = failing_open;
	ops.ioctl = failing_ioctl;
	ops.readlink = failing_readlink;
	ops.lstat = failing_lstat;
	ops.list = failing_list;
	ops.access = failing_access;
	ops.dup_over = failing_dup_over;
	ops.mmap = failing_mmap;
	ops.pread = failing_pread;
	ops.pwrite = failing_pwrite;
	ops.fstat = failing_fstat;
	ops.ftruncate = failing_ftruncate;
	ops.memfd = failing_memfd;
	ops.eventfd = failing_eventfd;
	ops.timerfd = failing_timerfd;
	ops.socket = failing_socket;
	ops.connect = failing_connect;
	ops.bind = failing_bind;
	ops.sendmsg = failing_sendmsg;
	ops.recvmsg = failing_recvmsg;
	ops.poll = failing_poll;
	ops.read = failing_read;
	ops.perf_open = failing_perf_open;
	ops.mremap_to = failing_mremap_to;
	ops.setsockopt = failing_setsockopt;
	ops.getsockopt = failing_getsockopt;
	ops.listen = failing_listen;
	ops.accept = failing_accept;
	ops.getsockname = failing_getsockname;
	ops.fchmod = failing_fchmod;
	ops.unlink = failing_unlink;
	ops.madvise = failing_madvise;
	ops.stat = failing_stat;
	ops.mkdir = failing_mkdir;
	ops.rename = failing_rename;
	ops.link = failing_link;
	return &ops;
}

void seam_arm(int n, int error, bool any_thread)
{
	failure = error;
	atomic_store(&failed, false);
	atomic_store(&until_failure, n);
	armed = true;
	atomic_store(&all_armed, any_thread);
}

void seam_disarm(void)
{
	armed = false;
	atomic_store(&all_armed, false);
}

bool seam_pause(void)
{
	bool was = armed;

	armed = false;
	return was;
}

void seam_resume(bool was)
{
	armed = was;
}

bool seam_failed(void)
{
	return atomic_load(&failed);
}

int seam_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

int seam_count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "/memfd:") != NULL;
	if (f)
		fclose(f);
	return n;
}
