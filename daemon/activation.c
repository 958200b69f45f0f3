/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "daemon/log.h"
#include "transport/listen.h"
#include "transport/sockaddr.h"

/* ---- what a descriptor is ---- */

static bool is_listening(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);

	if (sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM)
		return false;
	len = sizeof(listens);
	return !sys_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && listens;
}

/* systemd's are not close-on-exec, and it may have them wait. */
static int prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -errno;
	return 0;
}

static int take_one(struct activation *a, int fd, const char *name, size_t name_len)
{
	struct activation_socket *s = &a->all[a->num];
	int rc = is_listening(fd) ? prepare(fd) : -ENOTSOCK;

	snprintf(s->name, sizeof(s->name), "%.*s", (int)name_len, name);
	if (!rc)
		rc = address_of_socket(fd, &s->address);
	if (!rc && s->address.kind == ADDRESS_UNIX && !*s->address.path)
		rc = -EINVAL; /* an abstract one */
	if (rc) {
		log_error("descriptor %d (\"%s\") that systemd passed is no stream socket that listens on a "
			  "path, tcp or vsock; its unit wants ListenStream= and Accept=no", fd, s->name);
		return rc;
	}
	s->fd = fd;
	a->num++;
	return 0;
}

/* ---- the environment ---- */

/* -1: the text is no number from 0 to max. */
static long number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || end == text || n < 0 || n > max ? -1 : n;
}

static int take_all(struct activation *a, const char *fds, const char *names)
{
	long n = number(fds, ACTIVATION_MAX);
	int rc = 0;

	if (n < 0) {
		log_error("LISTEN_FDS=%.40s is no number of sockets up to %d", fds, ACTIVATION_MAX);
		return -EINVAL;
	}
	for (int fd = ACTIVATION_FDS; fd < ACTIVATION_FDS + (int)n && !rc; fd++) {
		size_t len = strcspn(names, ":");

		rc = take_one(a, fd, names, len);
		names += len + (names[len] == ':');
	}
	return rc;
}

int activation_take(struct activation *a)
{
	const char *pid = secure_getenv("LISTEN_PID"), *fds = secure_getenv("LISTEN_FDS");
	const char *names = secure_getenv("LISTEN_FDNAMES");
	int rc = 0;

	a->num = 0;
	if (pid && fds && number(pid, INT32_MAX) == getpid())
		rc = take_all(a, fds, names ? names : "");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (rc)
		activation_done(a);
	return rc;
}

void activation_done(struct activation *a)
{
	for (size_t i = 0; i < a->num; i++)
		sys_close(a->all[i].fd);
	a->num = 0;
}

/* ---- who is meant ---- */

/* Two names may lead to one file, as /var/run does to /run. */
static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !strcmp(a, b) ||
	       (!stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* The form that the kernel's addresses are read in: one has many. */
static void in_one_form(const struct address *a, struct address *ret)
{
	union sockaddr_any at;
	socklen_t len;

	if (sockaddr_make(a, &at, &len) || sockaddr_read(&at, len, ret))
		*ret = *a;
}

static bool same_place(const struct address *a, const struct address *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == ADDRESS_UNIX)
		return same_file(a->path, b->path);
	return a->port == b->port &&
	       (a->kind == ADDRESS_VSOCK ? a->cid == b->cid : !strcmp(a->host, b->host));
}

int activation_find(const struct activation *a, const struct address *address)
{
	struct address wanted;

	in_one_form(address, &wanted);
	for (size_t i = 0; i < a->num; i++)
		if (same_place(&a->all[i].address, &wanted))
			return a->all[i].fd;
	return -1;
}
