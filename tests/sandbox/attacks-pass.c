/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks by descriptors that travel in messages: to the peer, who would keep them, from him, and upwards. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/spawn.h"
#include "tests/sandbox/attacker.h"

#define COPY 70 /* a number that nothing here has */

struct parcel {
	struct mmsghdr many;
	struct iovec iov;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
};

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

static struct msghdr *wrap(struct parcel *p)
{
	memset(p, 0, sizeof(*p));
	p->byte = '!'; /* what goes along with a descriptor */
	p->iov = (struct iovec){ &p->byte, 1 };
	p->many.msg_hdr = (struct msghdr){ .msg_iov = &p->iov,
					   .msg_iovlen = 1,
					   .msg_control = p->control.room,
					   .msg_controllen = sizeof(p->control.room) };
	return &p->many.msg_hdr;
}

/* "lent": the last one that the monitor gave. */
static struct msghdr *wrap_descriptor(struct parcel *p, const char *arg)
{
	struct msghdr *m = wrap(p);
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = strcmp(arg, "lent") ? (int)strtol(arg, NULL, 10) : lent_descriptor();

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return m;
}

static long pass_over(long socket, const char *arg)
{
	struct parcel p;

	return result(syscall(SYS_sendmsg, socket, wrap_descriptor(&p, arg), MSG_NOSIGNAL));
}

static long pass(const char *arg)
{
	return pass_over(WORKER_PEER, arg);
}

static long pass_many(const char *arg)
{
	struct parcel p;

	wrap_descriptor(&p, arg);
	return result(syscall(SYS_sendmmsg, WORKER_PEER, &p.many, 1, MSG_NOSIGNAL));
}

/* The kernel takes the lower half of a number alone. */
static long pass_by_long_number(const char *arg)
{
	return pass_over(WORKER_PEER | 1L << 32, arg);
}

static long pass_over_copy(long copy, const char *arg)
{
	return copy < 0 ? -errno : pass_over(copy, arg);
}

static long pass_by_dup(const char *arg)
{
	return pass_over_copy(syscall(SYS_dup, WORKER_PEER), arg);
}

static long pass_by_dup2(const char *arg)
{
#ifdef SYS_dup2
	return pass_over_copy(syscall(SYS_dup2, WORKER_PEER, COPY), arg);
#else
	return pass_over_copy(syscall(SYS_dup3, WORKER_PEER, COPY, 0), arg);
#endif
}

static long pass_by_dup3(const char *arg)
{
	return pass_over_copy(syscall(SYS_dup3, WORKER_PEER, COPY, O_CLOEXEC), arg);
}

static long pass_by_fcntl(const char *arg)
{
	return pass_over_copy(syscall(SYS_fcntl, WORKER_PEER, F_DUPFD, COPY), arg);
}

static long pass_by_fcntl_cloexec(const char *arg)
{
	return pass_over_copy(syscall(SYS_fcntl, WORKER_PEER, F_DUPFD_CLOEXEC, COPY), arg);
}

/* The peer's socket itself goes to and fro, and has another number then. */
static long pass_by_socketpair(const char *arg)
{
	char peer[12];
	struct parcel p;
	int fds[2], copy;
	long rc = result(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fds));

	snprintf(peer, sizeof(peer), "%d", WORKER_PEER);
	if (!rc)
		rc = pass_over(fds[0], peer);
	if (rc >= 0)
		rc = result(syscall(SYS_recvmsg, fds[1], wrap(&p), 0));
	if (rc < 0)
		return rc;
	memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&p.many.msg_hdr)), sizeof(copy));
	return pass_over(copy, arg);
}

/* What the peer sends: another socket of his, say, by which all is possible that is not by this one. */
static long take(const char *arg)
{
	struct parcel p;
	struct msghdr *m = wrap(&p);
	long rc = result(syscall(SYS_recvmsg, WORKER_PEER, m, 0));

	(void)arg;
	return rc < 0 ? rc : CMSG_FIRSTHDR(m) ? 1 : 0;
}

static long take_many(const char *arg)
{
	struct parcel p;

	(void)arg;
	wrap(&p);
	return result(syscall(SYS_recvmmsg, WORKER_PEER, &p.many, 1, 0, NULL));
}

/* To the monitor, so often, each with its peer's socket. */
static long pass_up(const char *arg)
{
	const struct channel_message m = { .type = CHANNEL_LOOKED };

	for (long n = strtol(arg, NULL, 10); n > 0;) {
		int rc = channel_send(WORKER_CHANNEL, &m, WORKER_PEER);

		if (rc && rc != -EAGAIN)
			return rc;
		n -= !rc;
	}
	return 0;
}

const struct attack attacks_by_messages[] = {
	{ "pass", pass },
	{ "pass-many", pass_many },
	{ "pass-by-long-number", pass_by_long_number },
	{ "pass-by-dup", pass_by_dup },
	{ "pass-by-dup2", pass_by_dup2 },
	{ "pass-by-dup3", pass_by_dup3 },
	{ "pass-by-fcntl", pass_by_fcntl },
	{ "pass-by-fcntl-cloexec", pass_by_fcntl_cloexec },
	{ "pass-by-socketpair", pass_by_socketpair },
	{ "take", take },
	{ "take-many", take_many },
	{ "pass-up", pass_up },
	{ NULL, NULL },
};
